"""What Schemathesis cannot know about Parley: who calls, and which refusals the contract states in words."""

import itertools
import os
import sys
import threading
import time

import requests
import schemathesis

sys.path.insert(0, os.path.dirname(__file__))
from refusals import is_stated  # noqa: E402

SERVER = os.environ["FUZZ_SERVER"]
USERNAME = os.environ["FUZZ_USERNAME"]
PASSWORD = os.environ["FUZZ_PASSWORD"]  # no example of the contract has it, so no request changes it

# These end the session with which they are called, or the account.
ENDING = ["DeleteMe", "LogOut"]

# Chunks of an upload are bytes like those of a file.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@schemathesis.deserializer("text/event-stream")
def stream(context, response):
    """The text of the stream, as openapi.yaml has it: the schemas of the events are in asyncapi.yaml."""
    return [response.content.decode()]


def access_token(path, **body):
    response = requests.post(SERVER + path, json=body, timeout=60)
    if not response.ok:
        raise RuntimeError(f"POST {path}: {response.status_code} {response.text}")
    return response.json()["access_token"]


class Bearer:
    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth(refresh_interval=None).apply_to(operation_id=ENDING)
class AccountOfOneRequest(Bearer):
    """A new account for each request."""

    numbers = itertools.count(1)

    def get(self, case, context):
        return access_token("/v1/users", username=f"passing-{next(self.numbers)}", password=PASSWORD)


@schemathesis.auth(refresh_interval=None).skip_for(operation_id=ENDING)
class Account(Bearer):
    """The account of the whole run. Its access tokens are valid for 15 minutes."""

    lock = threading.Lock()
    token, since = None, 0

    def get(self, case, context):
        with self.lock:
            if self.token is None or time.monotonic() - self.since > 600:
                self.since = time.monotonic()
                self.token = access_token("/v1/sessions", username=USERNAME, password=PASSWORD)
            return self.token


@schemathesis.hook
def filter_failure(context, failure, case, response):
    return not is_stated(failure, case, response)
