"""Lists the codes that explain an answer, with their meanings. Page, API and csv have the same codes.

The codes are never renamed or translated, because programs read them. A refusal has a code of the API's errors instead.
"""

import tomllib
from pathlib import Path

REASON_MEANINGS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
