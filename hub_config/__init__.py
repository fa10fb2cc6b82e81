"""Settings of a JupyterHub, made from one site file; comes with the hub service."""
