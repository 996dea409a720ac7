"""The rules that the contract states in words, because a schema cannot, each with the reason.

Schemathesis reports a request that follows the schemas and is refused, and one that does not and is accepted. Such a
report is passed over only if it is listed here: of a refusal, each entry of `errors` must be.
"""

import re
import unicodedata
from collections.abc import Mapping

ANY = None

NAMES = (
    "One script, the reserved names and RFC 8264's classes of characters cannot be written as a pattern that all "
    "generators can read."
)
TEXTS = "Visible and invisible characters, by Unicode's tables, cannot be written as such a pattern either."
PASSWORD = "It depends on the account and on the age of the session, and its limit is that of the text before encoding."
TWICE = "That a key occurs twice cannot be written as a pattern."
STATE = "What exists at that moment is the server's state."
TOGETHER = "OpenAPI cannot say which parameters or fields exclude or need each other."
UNION = "It depends on another field; a union of bodies leaves generated clients unusable."
ONESELF = "Who the caller is depends on the token."

SENDING = ["SendMessage", "SendMessageForm", "SendToTarget"]


def beyond_pattern(name):
    """The patterns decide on printable ASCII, but for the length of a target, which depends on its first character."""
    return any(not " " <= character <= "~" for character in name) or (name.startswith("@") and len(name) > 1 + 32)


def has_control(text):
    return any(unicodedata.category(character) == "Cc" for character in text)


def has_nul(text):
    return "\0" in text


# 400 invalid_request: (operations, the field in `errors`, how its message begins, the reason, and what must be true of
# the value that was sent)
REFUSED = [
    (ANY, "cursor", "is not a cursor of this list", "A cursor is opaque: only the server knows what it gave out."),
    (["SignUp"], "username", "must be 2 to ", NAMES, beyond_pattern),
    (["CreateRoom", "UpdateRoom"], "handle", "must be 2 to ", NAMES, beyond_pattern),
    (["SendToTarget"], "target", "must be 2 to ", NAMES, beyond_pattern),
    (["SignUp", "LogIn"], "username", "is reserved", NAMES),
    (["SignUp", "LogIn", "UpdateMe"], "display_name", "must be a visible name", TEXTS),
    (["CreateRoom", "UpdateRoom"], "name", "must be a visible name", TEXTS),
    (ANY, "(new_|current_)?password|description|reason|subject|text", "must not contain the c", TEXTS, has_control),
    (["LogIn"], "username", "must not contain the c", TEXTS, has_nul),
    (SENDING, "client_id", "must not contain the c", TEXTS, has_nul),
    ([*SENDING, "EditMessage"], "text", "must show at least one visible character", TEXTS),
    (ANY, "(?!cursor).*", "must be text in UTF-8, without U[+]0000", TEXTS, has_nul),
    (["DeleteMe"], "Parley-Password", "must encode 1 to 256 characters|must be percent-encoded|is required", PASSWORD),
    (["ChangePassword"], "current_password", "is required", PASSWORD),
    (["CreateUpload"], "Upload-Metadata", "cannot be read: a key ", TWICE),
    (["CreateInvite"], "expires_at", "must be in the future", STATE),
    (["BanUser"], "until", "must be in the future", STATE),
    (SENDING, r"file_ids\[\d+\]", "you have no file", STATE),
    (SENDING, "reply_to", "there is no message", STATE),
    (["MarkRead"], "message_id", "there is no such message yet", STATE),
    (["ListMessages"], "before|after|around|since|until", "excludes the other|since and until exclude", TOGETHER),
    (["SearchMessages"], "q", "is needed, or prefix", TOGETHER),
    (["CreateRoom"], "name", "is required where there is no handle", TOGETHER),
    (["LogIn"], "Idempotency-Key", "is not accepted with a guest's log-in", TOGETHER),
    (["LogIn"], "username|password", "is required", UNION),
    (["LogIn"], "username", "must be 2 to ", UNION),
    (["LogIn"], "username|password|display_name|login_code|guest", "does not belong to this form of log-in", UNION),
    (SENDING, "file_ids", "a message of type ", UNION),
    (SENDING, "text", "is required", UNION),
    (["AddContact", "BanUser", "BlockUser"], "user", "nobody can ", ONESELF),
    (["OpenDirectRoom"], "user", "a direct room needs somebody else", ONESELF),
]


def is_larger_than_files(case):
    return int(case.headers["Upload-Length"]) > 100_000_000  # --max-file-size


def has_checksum(case):
    return "Upload-Checksum" in case.headers


def is_form_without_parts(case):
    return case.media_type == "multipart/form-data" and not case.body


# Other statuses: (operations, status, code, the reason, what else must be true of the request)
REFUSED_OTHERWISE = [
    (["CreateUpload"], 413, "too_large", "The largest file is a setting of the server.", is_larger_than_files),
    (["CreateUpload", "PatchUpload"], 460, "upload_conflict", "Whether a checksum is right depends on the bytes.",
     has_checksum),
    (["UploadFile", "SendMessage", "SendMessageForm"], 400, "malformed_body",
     "Schemathesis sends forms without any part, which RFC 2046 does not allow.", is_form_without_parts),
]

DELETIONS = [
    "DeleteIdentity", "RemoveContact", "UnblockUser", "LogOut", "DeleteRoom", "LeaveRoom", "RemoveMember", "UnbanUser",
    "RevokeInvite", "ExitRoom", "DeleteMessage", "RemoveReaction", "UnpinMessage", "DeleteUpload",
]

# Accepted although a schema is not followed: (operations, the report, the reason)
ACCEPTED = [
    (DELETIONS, "in path", "What an id of another form names is not there, so that deleting it can be repeated too."),
    (["GetUploadOptions", "GetOneUploadOptions"], "in path", "OPTIONS describes the route, whatever its id."),
    (["StreamEvents"], "`(limit|after)` in query", "A stream does not use them; a page of JSON does."),
]

# Responses of a media type that is not in the contract: (operations, the reason)
OTHER_MEDIA_TYPES = [
    (["GetFileContent", "HeadFileContent"], "It is the file's own type; most generated clients cannot read `*/*`."),
]


def applies(operations, case):
    return operations is ANY or case.operation.definition.raw.get("operationId") in operations


def sent(case, field):
    """The text that was sent for a field of `errors`, wherever it was."""
    for place in (case.body, case.query, case.path_parameters, case.headers):
        if isinstance(place, Mapping) and field in place:
            return str(place[field])
    return ""


def is_field_stated(case, field, message):
    return any(
        applies(operations, case) and re.fullmatch(name, field) and re.match(beginning, message)
        and all(holds(sent(case, field)) for holds in conditions)
        for operations, name, beginning, _, *conditions in REFUSED
    )


def is_refusal_stated(case, response):
    try:
        problem = response.json()
    except ValueError:
        return False
    if any(
        applies(operations, case) and (status, code) == (response.status_code, problem.get("code")) and holds(case)
        for operations, status, code, _, holds in REFUSED_OTHERWISE
    ):
        return True
    errors = problem.get("errors", [])
    return bool(errors) and response.status_code == 400 and all(
        is_field_stated(case, error["field"], error["message"]) for error in errors
    )


def is_acceptance_stated(case, report):
    if any(applies(operations, case) and re.search(wanted, report) for operations, wanted, _ in ACCEPTED):
        return True
    # In a request, null counts as left out. A schema that says so gives each field a third state in generated clients.
    field = re.search(r"in body - ([\w]+): Incorrect type", report)
    return bool(field) and isinstance(case.body, dict) and case.body.get(field[1], "") is None


def is_stated(failure, request, response):
    """Tell whether the contract states in words what Schemathesis reports as a failure."""
    match type(failure).__name__:
        case "RejectedPositiveData":
            return is_refusal_stated(request, response)
        case "AcceptedNegativeData":
            return is_acceptance_stated(request, failure.message)
        case "UndefinedContentType":
            return any(applies(operations, request) for operations, _ in OTHER_MEDIA_TYPES)
    return False
