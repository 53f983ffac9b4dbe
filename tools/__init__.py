"""Hold what the Makefile calls: environments, screenshots."""
