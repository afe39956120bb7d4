"""Parses each line of standard input as a message of the Airbyte protocol; prints how many of each type there were."""

import json
import sys
from collections import Counter

from airbyte_protocol.models import AirbyteMessage

counts = Counter()
for number, line in enumerate(sys.stdin, 1):
    try:
        message = AirbyteMessage.model_validate_json(line)
    except ValueError as error:
        sys.exit(f"line {number}: {error}")
    payload = {"CONNECTION_STATUS": "connectionStatus"}.get(message.type.value, message.type.value.lower())
    if getattr(message, payload) is None:
        sys.exit(f"line {number}: a {message.type.value} without `{payload}`")
    for stats in ("sourceStats", "destinationStats"):
        if stats in line and not isinstance(json.loads(line)["state"][stats]["recordCount"], float):
            sys.exit(f"line {number}: recordCount has no decimal point")
    counts[message.type.value] += 1
print(json.dumps(counts))
