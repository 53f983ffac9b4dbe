"""The tools that the Makefile calls: environments, screenshots."""
