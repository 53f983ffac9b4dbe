"""These tools make environments, translations and screenshots, and run the app and a browser for tests."""
