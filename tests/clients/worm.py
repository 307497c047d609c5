"""Checkpoints in a bucket with object lock and in a directory; a data directory that was put back does not open.

Against moto's server (TLS, our development CA), with boto3 as the other side.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import boto3

medlock, where, models = sys.argv[1:]
where = pathlib.Path(where)
data, shelf = where / "data", where / "shelf"
shelf.mkdir(parents=True)
environment = {k: v for k, v in os.environ.items() if not k.startswith("MEDLOCK_")}
environment["MEDLOCK_DATA_DIR"] = str(data)


def run(*args, code=0, **more):
    done = subprocess.run([medlock, *args], env=environment, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def serve():
    log = open(where / "server.log", "w")
    server = subprocess.Popen([medlock, "serve"], env=environment, stdout=log, stderr=log)
    for _ in range(600):
        if "listen=" in open(where / "server.log").read():
            return server
        assert server.poll() is None, open(where / "server.log").read()
        time.sleep(0.1)
    raise AssertionError("the server did not start")


def stop(server):
    server.terminate()
    assert server.wait(60) == 0


run("init")
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
tls = data / "tls"
moto = subprocess.Popen(
    [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), "-c", tls / "server.pem", "-k", tls / "server.key"],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
try:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    ca = str(tls / "ca.pem")
    endpoint = f"https://localhost:{port}"
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", verify=ca,
        aws_access_key_id="testing", aws_secret_access_key="testing",
    )
    s3.create_bucket(Bucket="worm", ObjectLockEnabledForBucket=True)
    secret = where / "s3.secret"
    secret.write_text("testing\n")
    secret.chmod(0o600)
    config = data / "medlock.toml"
    config.write_text(
        config.read_text().replace("127.0.0.1:8443", "127.0.0.1:0")
        + f'dir = "{models}"\n[audit.checkpoints]\ndir = "{shelf}"\n'
        + f'[audit.checkpoints.s3]\nurl = "{endpoint}/worm"\nprefix = "clinic/"\nkey_id = "testing"\n'
        + f'secret = "file:{secret}"\nca = "tls/ca.pem"\nlock_days = 30\n'
    )
    stop(serve())
    shutil.copytree(data, where / "monday")
    stop(serve())
    shutil.copytree(data, where / "tuesday")
    listed = s3.list_objects_v2(Bucket="worm")["Contents"]
    names = sorted(p.name for p in shelf.iterdir())
    assert len(names) >= 2 and ["clinic/" + n for n in names] == [o["Key"] for o in listed], (names, listed)
    for one in listed:
        head = s3.head_object(Bucket="worm", Key=one["Key"])
        assert head["ObjectLockMode"] == "COMPLIANCE", head
        note = s3.get_object(Bucket="worm", Key=one["Key"])["Body"].read()
        assert note == (shelf / one["Key"].removeprefix("clinic/")).read_bytes()
    # Monday's directory, put back: neither the server nor the command line opens it.
    for elsewhere in ("both", "bucket", "directory"):
        shutil.rmtree(data)
        shutil.copytree(where / "monday", data)
        if elsewhere == "bucket":
            shutil.rmtree(shelf)
            shelf.mkdir()
        if elsewhere == "directory":
            for name in names:
                body = s3.get_object(Bucket="worm", Key="clinic/" + name)["Body"].read()
                (shelf / name).write_bytes(body)
            config = data / "medlock.toml"
            config.write_text(config.read_text().split("[audit.checkpoints.s3]")[0])
        for verb in (["serve"], ["user", "list"]):
            said = run(*verb, code=1)
            assert "put back" in said, (elsewhere, said)
    # Who has the server has the bucket's key: Monday's own checkpoint over the newest, or a mark that it is
    # deleted, does not make Monday's directory good.
    shutil.rmtree(shelf)
    shelf.mkdir()
    newest, oldest = listed[0]["Key"], listed[-1]["Key"]
    older = s3.get_object(Bucket="worm", Key=oldest)["Body"].read()
    for change in (lambda: s3.put_object(Bucket="worm", Key=newest, Body=older),
                   lambda: s3.delete_object(Bucket="worm", Key=newest)):
        change()
        shutil.rmtree(data)
        shutil.copytree(where / "monday", data)
        said = run("user", "list", code=1)
        assert "put back" in said, said
    # Tuesday's is fine.
    shutil.rmtree(data)
    shutil.copytree(where / "tuesday", data)
    run("user", "list")
    # A bucket that cannot be asked is no reason to believe the directory.
    moto.kill()
    moto.wait()
    assert "last checkpoint" in run("user", "list", code=2)
    print(f"{len(listed)} checkpoints under object lock")
finally:
    moto.kill()
