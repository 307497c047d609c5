"""Kills the server at random moments under load, and accounts for every byte that clients received.

    kill9.py MEDLOCK_BINARY EMPTY_DIRECTORY     (environment: MODEL; run from the repository)

A data directory of its own; four clients stream; the server is killed with SIGKILL and started again
on the same directory. At the end the log must verify, and for every request the release records,
opened with the reading key, must begin with what its client received.
"""

import json
import os
import random
import re
import ssl
import subprocess
import sys
import threading
import time

import openai

medlock, data = sys.argv[1], sys.argv[2]
env = {**os.environ, "MEDLOCK_DATA_DIR": data, "MEDLOCK_LISTEN": "127.0.0.1:0"}
rounds, clients = 5, 4


def run(*args, **more):
    return subprocess.run([medlock, *args], env=env, check=True, capture_output=True, text=True, **more).stdout


class Server:
    def __init__(self):
        self.log = open(data + ".log", "w+")
        self.process = subprocess.Popen([medlock, "serve"], env=env, stdout=subprocess.DEVNULL, stderr=self.log)
        for _ in range(600):
            said = open(data + ".log").read()
            found = re.search(r"serving .*?listen=([0-9.:]+)", said)
            if found:
                self.url = f"https://{found[1]}/v1"
                return
            assert self.process.poll() is None, said
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    def kill(self):
        self.process.kill()
        self.process.wait()


def stream(url, received, stop):
    client = openai.OpenAI(
        base_url=url,
        api_key=key,
        http_client=openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=data + "/tls/ca.pem")),
        max_retries=0,
        timeout=60,
    )
    note = "Patient Maria Gonzalez, MRN 48213377, seen 03/14/2024 by Dr. Alan Whitfield. Tell a long story."
    while not stop.is_set():
        try:
            raw = client.chat.completions.with_raw_response.create(
                model=os.environ["MODEL"], messages=[{"role": "user", "content": note}], stream=True, max_tokens=60
            )
            request = raw.headers["x-request-id"]
            received[request] = ""
            for chunk in raw.parse():
                for choice in chunk.choices:
                    received[request] += choice.delta.content or ""
        except Exception:
            if not stop.is_set():
                time.sleep(0.05)


run("init", "--json")
with open(data + "/medlock.toml", "a") as f:
    f.write(f'dir = "{os.getcwd()}/.cache/models"\n')
run("user", "add", "k", "--role", "clinician", "--password-file", "-", input="a passphrase for the kill test\n")
key = run("token", "create", "k", "--owner", "k", "--role", "clinician", "--purpose", "treatment").strip()

received = {}
for i in range(rounds):
    server = Server()
    stop = threading.Event()
    threads = [threading.Thread(target=stream, args=(server.url, received, stop)) for _ in range(clients)]
    [t.start() for t in threads]
    time.sleep(random.uniform(1.0, 4.0))
    stop.set()
    server.kill()
    [t.join() for t in threads]
Server().kill()  # opening recovers what the last kill left unfinished

run("audit", "verify")
reading = data + "/keys/audit-reading.key"
released = {}
for line in run("audit", "show", "--kind", "release", "--content", "--reading-key", reading, "--json").splitlines():
    entry = json.loads(line)
    released[entry["request"]] = released.get(entry["request"], "") + entry["content"]
checked = 0
for request, text in received.items():
    if text:
        assert released.get(request, "").startswith(text), f"{request}: a client received what no record holds"
        checked += len(text)
assert checked > 0, "nothing was received, so nothing was shown"
print(f"ok  {rounds} kills, {len(received)} streams, {checked} characters received, all in the log")
