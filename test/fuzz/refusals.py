"""The rules that the contract states in words, because a schema cannot, each with the reason.

Schemathesis reports a request that follows the schemas and is refused, and one that does not and is accepted. Such a
report is passed over only if it is listed here: of a refusal, each entry of `errors` must be.
"""

import re

ANY = None

NAMES = (
    "One script, the reserved names and RFC 8264's classes of characters cannot be written as a pattern that all "
    "generators can read."
)
TEXTS = "Visible and invisible characters, by Unicode's tables, cannot be written as such a pattern either."
PASSWORD = "It depends on the account and on the age of the session, and its limit is that of the text before encoding."
HEADER = "It holds pairs whose values are in Base64 of a certain length."
STATE = "What exists at that moment is the server's state."
TOGETHER = "OpenAPI cannot say which parameters or fields exclude or need each other."
UNION = "It depends on another field; a union of bodies leaves generated clients unusable."
ONESELF = "Who the caller is depends on the token."

# 400 invalid_request: (operations, the field in `errors`, how its message begins, the reason)
REFUSED = [
    (ANY, "cursor", "is not a cursor of this list", "A cursor is opaque: only the server knows what it gave out."),
    (ANY, "username|handle", "must be 2 to ", NAMES),
    (ANY, "username|handle", "is reserved", NAMES),
    (["SendToTarget"], "target", "must be ", NAMES),
    (ANY, "display_name|name", "must be a visible name", TEXTS),
    (ANY, "(new_|current_)?password|description|reason|subject|text", "must not contain the c", TEXTS),
    (ANY, "text", "must show at least one visible character", TEXTS),
    (ANY, ".*", "must be text in UTF-8, without U[+]0000", TEXTS),
    (["DeleteMe"], "Parley-Password", "must encode 1 to 256 characters|must be percent-encoded|is required", PASSWORD),
    (["ChangePassword"], "current_password", "is required", PASSWORD),
    (["CreateUpload", "PatchUpload"], "Upload-Checksum", "cannot be read", HEADER),
    (["CreateUpload"], "Upload-Metadata", "must name the room_id|must be given once, and well-formed", HEADER),
    (["CreateInvite"], "expires_at", "must be in the future", STATE),
    (["BanUser"], "until", "must be in the future", STATE),
    (ANY, r"file_ids\[\d+\]", "you have no file", STATE),
    (ANY, "reply_to", "there is no message", STATE),
    (["MarkRead"], "message_id", "there is no such message yet", STATE),
    (["ListMessages"], "before|after|around|since|until", "excludes the other|since and until exclude", TOGETHER),
    (["SearchMessages"], "q", "is needed, or prefix", TOGETHER),
    (["CreateRoom"], "name", "is required where there is no handle", TOGETHER),
    (["LogIn"], "Idempotency-Key", "is not accepted with a guest's log-in", TOGETHER),
    (["LogIn"], "username|password", "is required", UNION),
    (["LogIn"], "username|password|display_name|login_code|guest", "does not belong to this form of log-in", UNION),
    (ANY, "file_ids", "a message of type ", UNION),
    (ANY, "text", "is required", UNION),
    (ANY, "user", "nobody can ", ONESELF),
    (["OpenDirectRoom"], "user", "a direct room needs somebody else", ONESELF),
]

# Other statuses: (operations, status, code, the reason)
REFUSED_OTHERWISE = [
    (["CreateUpload"], 413, "too_large", "The largest file is a setting of the server."),
    (["CreateUpload", "PatchUpload"], 460, "upload_conflict", "Whether a checksum is right depends on the bytes."),
    (["UploadFile", "SendMessage", "SendMessageForm"], 400, "malformed_body",
     "Schemathesis sends forms without any part, which RFC 2046 does not allow."),
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


def is_refusal_stated(case, response):
    try:
        problem = response.json()
    except ValueError:
        return False
    if any(
        applies(operations, case) and (status, code) == (response.status_code, problem.get("code"))
        for operations, status, code, _ in REFUSED_OTHERWISE
    ):
        return True
    errors = problem.get("errors", [])
    return bool(errors) and response.status_code == 400 and all(
        any(
            applies(operations, case) and re.fullmatch(field, error["field"]) and re.match(message, error["message"])
            for operations, field, message, _ in REFUSED
        )
        for error in errors
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
