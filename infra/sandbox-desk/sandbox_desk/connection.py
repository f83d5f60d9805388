"""uvicorn's HTTP connection with one more thing the application may do: cut it."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CUT = "sandbox.cut"


class CuttableProtocol(HttpToolsProtocol):
    """Hands the application a way to end the connection without an answer, as a failing network does."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"cut": self.transport.abort}}
