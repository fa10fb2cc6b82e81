"""The small root process that holds the keys: whole verbs on a unix socket, for the service and nobody else."""
