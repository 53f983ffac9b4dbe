"""Lists the codes that explain an answer, the same in page, API and csv; docs/api.md has the text of each.

The codes are never renamed or translated, because programs read them. A refusal has a code of the API's error answers.
"""

import tomllib
from pathlib import Path

REASON_MEANINGS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
