"""The kinds of error that every domain's errors descend from.

An error knows nothing of HTTP: it has a kind (its class here), a code that is never changed or reused, and one
sentence for the user that names the cause and the remedy. `web/` maps each kind to a status once; a gateway has its
own table to its dialect. A cause is chained (`raise X from e`) for the log and never pasted into the sentence.
"""

from typing import ClassVar


class SkyloomError(Exception):
    """What a user may be told. `details` are facts a program can read; they must hold no secret."""

    code: ClassVar[str] = "internal"

    def __init__(self, sentence: str, **details: object):
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details


class BadRequest(SkyloomError):
    """The request is malformed or breaks a rule of the API."""

    code = "request.invalid"


class Unauthorized(SkyloomError):
    """Who asks is not known."""

    code = "auth.required"


class Forbidden(SkyloomError):
    """Who asks is known and may not."""

    code = "auth.forbidden"


class NotFound(SkyloomError):
    """There is no such thing, or the caller may not know of it."""

    code = "resource.not_found"


class Conflict(SkyloomError):
    """The thing's present state does not allow this."""

    code = "resource.conflict"


class Gone(SkyloomError):
    """The thing was there and is no more."""

    code = "resource.gone"


class TooLarge(SkyloomError):
    """The request carries more than is accepted."""

    code = "request.too_large"


class OverLimit(SkyloomError):
    """A quota or a rate stands in the way."""

    code = "quota.exceeded"


class UnsupportedMedia(SkyloomError):
    """The body's content type is not one that this call reads."""

    code = "request.media_type"


class NotAcceptable(SkyloomError):
    """The asked version or representation is not served."""

    code = "request.not_acceptable"


class NotBuilt(SkyloomError):
    """OpenStack documents this call and Skyloom does not answer it yet (the gap table lists it)."""

    code = "api.not_built"


class Unavailable(SkyloomError):
    """A part the call needs does not answer now; the same request may succeed later."""

    code = "service.unavailable"

    def __init__(self, sentence: str, retry_after_s: int = 5, **details: object):
        super().__init__(sentence, **details)
        self.retry_after_s = retry_after_s
