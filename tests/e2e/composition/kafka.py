#!/usr/bin/env python3
"""Kafka in its stand-in image: what the public image does with its environment, and its command for health."""

import os
import subprocess
import sys
from pathlib import Path

JAVA = ["java", *os.environ.get("KAFKA_HEAP_OPTS", "-Xmx512m").split(), "-cp", "/opt/kafka/libs/*"]


def answer(address: str) -> int:
    """Whether a broker there says how it is configured; the public image asks for its versions."""
    asked = ["--bootstrap-server", address, "--entity-type", "brokers", "--describe"]
    return subprocess.run([*JAVA, "kafka.admin.ConfigCommand", *asked], check=False, capture_output=True).returncode


def start() -> None:
    """Become the broker that the environment describes: KAFKA_NODE_ID is node.id, and so on."""
    given = {
        name: value for name, value in os.environ.items() if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    properties = Path("/tmp/server.properties")
    lines = (f"{name[6:].lower().replace('_', '.')}={value}\n" for name, value in given.items())
    properties.write_text("".join(lines))
    identity = ["--cluster-id", os.environ["CLUSTER_ID"], "--config", str(properties)]
    format_once = [*JAVA, "kafka.tools.StorageTool", "format", "--ignore-formatted", *identity]
    subprocess.run(format_once, check=True, capture_output=True)
    os.execvp("java", [*JAVA, "-Dlog4j2.configurationFile=/opt/kafka/log4j2.xml", "kafka.Kafka", str(properties)])


if Path(sys.argv[0]).name == "run":
    start()
sys.exit(answer(sys.argv[2]))
