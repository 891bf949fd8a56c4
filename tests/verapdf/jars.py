"""Write jars.sha256 anew, after a change to pom.xml: .venv/bin/python -m tests.verapdf.jars"""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.kafka.jars import Jars

VERAPDF = Jars(Path(__file__).parent, "verapdf")

if __name__ == "__main__":
    sys.stdout.write(f"{VERAPDF.note_hashes()} jars noted; look at the difference before it is committed\n")
