"""The command in a process of its own."""

from __future__ import annotations

import asyncio
import ctypes
import resource
import sys

from services.foundation.settings import Settings

_DROP_FROM_WHAT_MAY_BE_HAD = 24  # prctl(2): PR_CAPBSET_DROP
_LOOK_PAST_PERMISSIONS = (1, 2)  # capabilities(7): CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


async def quorate(
    settings: Settings, *arguments: str, heeds_permissions: bool = False, largest_file: int | None = None
) -> tuple[int, str, str]:
    """Run the command; returns its exit status, output and error output.

    `heeds_permissions`: held to the permissions of files even where the tests run as root; `largest_file`: no file may
    grow beyond so many bytes, as on a failing disk.
    """
    database = {"QUORATE_DATABASE": settings.database} if settings.database else {}
    libc = ctypes.CDLL(None)

    def limit() -> None:
        if heeds_permissions:
            for capability in _LOOK_PAST_PERMISSIONS:
                libc.prctl(_DROP_FROM_WHAT_MAY_BE_HAD, capability, 0, 0, 0)
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from services.cli import main; main()",
        *arguments,
        env={"QUORATE_HOME": str(settings.home), "QUORATE_SECRET": "a-key-for-tests-alone", **database},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=limit,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
