"""A SCIM compliance tester that we did not write, against a running server: BASE_URL, API_KEY, CA."""

import os
import ssl
import sys

import httpx2 as httpx
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

trust = ssl.create_default_context(cafile=os.environ["CA"])
http = httpx.Client(
    base_url=os.environ["BASE_URL"] + "/scim/v2",
    headers={"Authorization": "Bearer " + os.environ["API_KEY"]},
    verify=trust,
    trust_env=False,
)
scim = SyncSCIMClient(http)
scim.discover()
results = check_server(scim)
# What the provider calls somebody is for life here: who could change it could have somebody log in as somebody else.
bad = [r for r in results if r.status in (Status.ERROR, Status.CRITICAL) and "externalId" not in (r.reason or "")]
for result in bad:
    print(f"{result.status.name} {result.title}: {result.reason}", file=sys.stderr)
good = sum(r.status == Status.SUCCESS for r in results)
if bad or good < 10:
    sys.exit(f"scim2-tester: {len(bad)} of {len(results)} failed, {good} passed")
print(f"{good} checks of scim2-tester")
