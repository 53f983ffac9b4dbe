"""Write docs/bill-of-materials.cdx.json, the app's installed packages in CycloneDX; `make update` runs this.

cyclonedx-py reads the environment `.venv/app`. Parts that change without a change of the packages are left out.
"""

import json
import subprocess  # nosec B404  # to call cyclonedx-py
import sys
from pathlib import Path
from typing import Any

from tools.serving import ROOT

BILL = ROOT / "docs" / "bill-of-materials.cdx.json"
APP_ENVIRONMENT = ROOT / ".venv" / "app"
LEFT_OUT = ("externalReferences", "tools", "properties")  # addresses, the tool itself and the folder


def write_bill(environment: Path, path: Path) -> None:
    """Write the bill of an environment. Raises CalledProcessError if cyclonedx-py fails; cyclonedx-py prints the reason."""
    program = Path(sys.executable).with_name("cyclonedx-py")
    command = [str(program), "environment", str(environment), "--output-reproducible", "--of=JSON"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # nosec B603  # a list, no shell
    path.write_text(json.dumps(_shortened(json.loads(done.stdout)), indent=1, ensure_ascii=False) + "\n")


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items() if key not in LEFT_OUT}
    return [_shortened(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    write_bill(APP_ENVIRONMENT, BILL)
