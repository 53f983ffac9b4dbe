"""What the Makefile calls: environments, screenshots."""
