"""The story that every generated client tells; the argument is the server's address."""

import sys

from openapi_client import (
    AccountsApi,
    ApiClient,
    ApiException,
    Configuration,
    Credentials,
    EventsApi,
    FilesApi,
    MessagesApi,
    NewMessage,
    NewRoom,
    NewUser,
    RoomsApi,
    SessionsApi,
)

client = ApiClient(Configuration(host=sys.argv[1]))
ada = NewUser(username="ada", password="correct horse battery")
print("signed up", AccountsApi(client).sign_up(ada).user.username)
try:
    AccountsApi(client).sign_up(ada)
except ApiException as e:
    print("refused", e.data.code)
session = SessionsApi(client).log_in(Credentials(username="ada", password="correct horse battery"))
print("logged in", session.user.username)

client = ApiClient(Configuration(host=sys.argv[1], access_token=session.access_token))
rooms, messages = RoomsApi(client), MessagesApi(client)
try:
    rooms.create_room(NewRoom(handle="te\u0430"))  # a Cyrillic letter among Latin ones, which no pattern refuses
except ApiException as e:
    print("invalid", e.data.errors[0].var_field)
print("room", rooms.create_room(NewRoom(handle="tea", name="Tea room")).handle)

question = messages.send_message("#tea", NewMessage(text="Is the kettle on?"), idempotency_key="kettle-1")
print("sent", question.id, question.text)
answer = messages.send_message_form("#tea", text="We have:", file=[("list.txt", b"Assam, Darjeeling\n")])
print("sent", answer.id, answer.files[0].name)
print("content", FilesApi(client).get_file_content(answer.files[0].id).decode().strip())
print("history", " / ".join(message.text for message in messages.list_messages("#tea").items))
try:
    rooms.get_room("#coffee")
except ApiException as e:
    print("missing", e.data.status)

cursor = None
while True:
    page = EventsApi(client).list_events(limit=2, cursor=cursor)
    for event in page.items:
        if event.event == "message.created":
            print("event", event.event, event.data.id, event.data.text)
    cursor = page.next_cursor
    if cursor is None:
        break
