"""Runs in a container beside the broker, as a system that sends events would: records from standard input to Kafka."""

import json
import sys

from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=sys.argv[1], acks="all")
sent = [
    producer.send(record["topic"], key=record["key"].encode(), value=record["value"].encode())
    for record in map(json.loads, sys.stdin)
]
producer.flush()
for each in sent:
    each.get(timeout=60)
producer.close()
print(len(sent))
