"""The budgets of the design, each measured beside its peer in the same run: `make bench`."""
