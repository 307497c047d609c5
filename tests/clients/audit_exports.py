"""Exports of an audit log, checked by packages that are not medlock's.

    audit_exports.py OCSF FHIR CEF SYSLOG

OCSF 1.8 by the published schema (ocsf-json-schema with jsonschema), FHIR R4 AuditEvent by fhir.resources,
CEF and syslog by strict parsers here. Each check must also refuse what was broken on purpose.
"""

import copy
import json
import re
import sys

import jsonschema
from fhir.resources.R4B.auditevent import AuditEvent
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema


def lines(file):
    with open(file, encoding="utf-8") as opened:
        found = opened.read().splitlines()
    assert found, f"{file} is empty"
    return found


def refused(check, broken):
    try:
        check(broken)
    except Exception:
        return
    raise AssertionError(f"taken although it is broken: {broken}")


def ocsf(file):
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0"))
    validators = {}

    def check(event):
        name = schema.lookup_class_name_from_uid(event["class_uid"])
        if name not in validators:
            validators[name] = jsonschema.Draft202012Validator(schema.get_class_schema(name, []))
        validators[name].validate(event)

    events = [json.loads(line) for line in lines(file)]
    for event in events:
        check(event)
        refused(check, {key: value for key, value in event.items() if key != "metadata"})
        refused(check, {**event, "activity_id": 77})
        refused(check, {**event, "surprise": 1})
    return len(events), sorted({event["class_uid"] for event in events})


def fhir(file):
    def check(event):
        parsed = AuditEvent.model_validate(event)
        # What IHE BALP asks for beyond the resource: exactly one requestor, source and destination roles.
        codes = [agent.type.coding[0].code for agent in parsed.agent]
        assert codes.count("110153") == 1 and codes.count("110152") == 1, codes
        assert sum(bool(agent.requestor) for agent in parsed.agent) == 1
        assert parsed.source.observer is not None
        for entity in parsed.entity:
            assert entity.what is not None and entity.type is not None

    events = [json.loads(line) for line in lines(file)]
    for event in events:
        check(event)
        refused(check, {key: value for key, value in event.items() if key != "recorded"})
        broken = copy.deepcopy(event)
        for agent in broken["agent"]:
            agent["requestor"] = True
        refused(check, broken)
    return len(events)


CEF = re.compile(r"CEF:0(?:\|(?:[^|\\]|\\[|\\])*){6}\|(?P<rest>.*)")
PAIR = re.compile(r"(?:^| )(?P<key>[A-Za-z0-9]+)=(?P<value>(?:[^=\\]|\\[=\\nr])*?)(?= [A-Za-z0-9]+=|$)")


def cef(file):
    for line in lines(file):
        rest = CEF.fullmatch(line)["rest"]
        pairs = list(PAIR.finditer(rest))
        assert "".join(pair[0] for pair in pairs) == rest, line
        assert {"rt", "externalId", "outcome"} <= {pair["key"] for pair in pairs}


SYSLOG = re.compile(
    r"<(?P<priority>\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (-|[!-~]{1,255}) [!-~]{1,48} (-|[!-~]{1,128}) "
    r"(-|[!-~]{1,32}) - (?P<message>.*)"
)


def syslog(file):
    for line in lines(file):
        found = SYSLOG.fullmatch(line)
        assert found and int(found["priority"]) < 192, line
        json.loads(found["message"])


def main():
    ocsf_file, fhir_file, cef_file, syslog_file = sys.argv[1:]
    events, classes = ocsf(ocsf_file)
    assert fhir(fhir_file) == events
    cef(cef_file)
    syslog(syslog_file)
    print(f"{events} entries, OCSF classes {classes}")


main()
