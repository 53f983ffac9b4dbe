"""The tools that the Makefile calls, for environments and screenshots."""
