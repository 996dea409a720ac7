"""The story that every generated client tells; the argument is the server's address."""

import sys
from io import BytesIO

from parley import AuthenticatedClient, Client
from parley.api.accounts import sign_up
from parley.api.events import list_events
from parley.api.files import get_file_content
from parley.api.messages import list_messages, send_message, send_message_form
from parley.api.rooms import create_room, get_room
from parley.api.sessions import log_in
from parley.models import Credentials, EventList, MessageForm, NewMessage, NewRoom, NewUser, Problem
from parley.types import UNSET, File

client = Client(base_url=sys.argv[1])
ada = NewUser(username="ada", password="correct horse battery")
print("signed up", sign_up.sync(client=client, body=ada).user.username)
refused = sign_up.sync(client=client, body=ada)
if isinstance(refused, Problem):
    print("refused", refused.code)
session = log_in.sync(client=client, body=Credentials(username="ada", password="correct horse battery"))
print("logged in", session.user.username)

client = AuthenticatedClient(base_url=sys.argv[1], token=session.access_token)
invalid = create_room.sync(client=client, body=NewRoom(handle="9 lives"))
if isinstance(invalid, Problem):
    print("invalid", invalid.errors[0].field)
print("room", create_room.sync(client=client, body=NewRoom(handle="tea", name="Tea room")).handle)

text = NewMessage(text="Is the kettle on?")
question = send_message.sync("#tea", client=client, body=text, idempotency_key="kettle-1")
print("sent", question.id, question.text)
attachment = File(payload=BytesIO(b"Assam, Darjeeling\n"), file_name="list.txt", mime_type="text/plain")
answer = send_message_form.sync("#tea", client=client, body=MessageForm(text="We have:", file=[attachment]))
print("sent", answer.id, answer.files[0].name)
content = get_file_content.sync(answer.files[0].id, client=client)
print("content", content.payload.read().decode().strip())
print("history", " / ".join(message.text for message in list_messages.sync("#tea", client=client).items))
missing = get_room.sync("#coffee", client=client)
if isinstance(missing, Problem):
    print("missing", missing.status)

cursor = UNSET
while True:
    page = list_events.sync(client=client, limit=2, cursor=cursor)
    assert isinstance(page, EventList)
    for event in page.items:
        if event.event == "message.created":
            print("event", event.event, event.data.id, event.data.text)
    cursor = page.next_cursor
    if not cursor:
        break
