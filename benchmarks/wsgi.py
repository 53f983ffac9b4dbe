"""The app for other servers: `gunicorn benchmarks.wsgi:application`."""

import os

from app import create_app
from app.memory import return_large_blocks
from app.settings import from_environment

return_large_blocks()
application = create_app(from_environment(os.environ))
