"""What rsyslog took of the audit log: every entry, each a message that it understood."""

import json
import sys

path, behind = sys.argv[1:]
assert behind == "0", f"{behind} entries were never delivered"
indexes, lines = set(), 0
for line in open(path, encoding="utf-8"):
    priority, time, app, kind, message = line.rstrip("\n").split("\t", 4)
    if app != "medlock":
        continue  # its own
    lines += 1
    assert int(priority) // 8 == 13 and time.startswith("20") and kind.replace("_", "").isalpha(), line
    event = json.loads(message)
    assert "48213377" not in line and "usr_" not in line, "content, or an id of ours"
    indexes.add(event["metadata"]["sequence"])
missing = set(range(max(indexes) + 1)) - indexes
assert not missing, f"{len(missing)} entries did not arrive: {sorted(missing)[:5]}"
print(f"{len(indexes)} entries in {lines} messages, none left out")
