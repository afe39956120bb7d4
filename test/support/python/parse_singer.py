"""Reads Singer lines as singer-python does, and prints how many there were of each type."""

import collections
import json
import sys

import singer

counts = collections.Counter(type(singer.parse_message(line)).__name__ for line in sys.stdin)
print(json.dumps(counts))
