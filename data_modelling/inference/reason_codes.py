"""Lists the reason codes, which explain the app's answer to a photo; page, API and csv use the same codes.

The codes are never renamed or translated, because programs read them. A refusal has an error code of the API instead.
"""

import tomllib
from pathlib import Path

REASON_MEANINGS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
