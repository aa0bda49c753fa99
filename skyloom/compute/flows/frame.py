"""What every flow on a server remembers, and how it writes: for whom it works, so that its end is found in history."""

import msgspec

from skyloom.access import Caller
from skyloom.compute.service.history import on_behalf


class ServerFrame(msgspec.Struct):
    server_id: str
    user_id: str
    project_id: str
    request_id: str

    @property
    def caller(self) -> Caller:
        return on_behalf(self.user_id, self.project_id, self.request_id)
