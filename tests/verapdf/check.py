"""Whether documents keep to PDF/UA-1, as veraPDF says: a program of others, and not ours."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from deploy.kafka.jars import java
from tests.verapdf.jars import VERAPDF


def verdicts(files: Iterable[Path]) -> dict[Path, str]:
    """What veraPDF says of each file, `PASS` or `FAIL`; all of them in one run, for Java takes its time to start."""
    some = list(files)
    done = subprocess.run(
        [
            *(java(), "-cp", ":".join(map(str, VERAPDF.fetch())), "org.verapdf.apps.GreenfieldCliWrapper"),
            *("-f", "ua1", "--format", "text", *map(str, some)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line.split() for line in done.stdout.splitlines()]
    found = {Path(words[1]): words[0] for words in said if len(words) >= 2 and words[0] in ("PASS", "FAIL")}
    assert found.keys() == set(some), done.stdout + done.stderr
    return found
