"""An object store, as little of it as a lake needs: list, read, create what is not there."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bt_lake.warehouse.digest import digest_of
from bt_lake.warehouse.errors import BadInput, CannotRead, CannotWrite, Damaged, MissingExtra

SCHEMES = ("s3", "gs", "az")
# A Path has lost one of the two slashes.
_URL = re.compile(rf"({'|'.join(SCHEMES)}):/++(.+)")
_SECRETS = re.compile(r"(?i)secret|token|password|access_key|account_key|sas")


def url_of(text: str | os.PathLike[str]) -> str | None:
    """The address in an object store that is meant, None if none is."""
    found = _URL.fullmatch(os.fspath(text))
    if found is None:
        return None
    rest = found[2].strip("/")
    if "@" in rest or "?" in rest:
        raise BadInput(
            f"{found[1]}://...: the address of a lake holds neither a user nor a key; credentials "
            "come from the environment"
        )
    return f"{found[1]}://{rest}"


class Objects:
    """The objects below an address; credentials are the environment's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._store = _opened(url)

    def sizes(self, below: str = "") -> dict[str, int]:
        """What there is, with sizes."""
        import obstore

        with self._explained(CannotRead):
            pieces = obstore.list(self._store, prefix=below or None)
            return {each["path"]: each["size"] for piece in pieces for each in piece}

    def read(self, name: str) -> bytes:
        """The content; raises FileNotFoundError if there is none."""
        import obstore

        with self._explained(CannotRead):
            return bytes(obstore.get(self._store, name).bytes())

    def create(self, name: str, data: bytes) -> None:
        """Give a new object its name in one step; whoever finds the same there is content.

        So the answer to a request that succeeded may be lost.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError

        with self._explained(CannotWrite):
            try:
                obstore.put(self._store, name, data, mode="create", use_multipart=False)
            except (NotSupportedError, NotImplementedError):
                raise CannotWrite(
                    f"{self.url}: this store cannot create an object only if it is not there, so "
                    "that no write to it would be safe"
                ) from None
            except (BaseError, OSError) as error:
                if self._has(name, data):
                    return
                if isinstance(error, AlreadyExistsError | FileExistsError):
                    raise Damaged(
                        f"{self.url}/{name} is there already, and is another file"
                    ) from None
                raise

    def _has(self, name: str, data: bytes) -> bool:
        try:
            return digest_of(self.read(name)) == digest_of(data)
        except (FileNotFoundError, CannotRead):
            return False

    def remove(self, names: Sequence[str]) -> None:
        import obstore

        with self._explained(CannotWrite):
            try:
                obstore.delete(self._store, [*names])  # a thousand in a request
            except FileNotFoundError:  # another was faster with one of them
                for name in names:
                    with contextlib.suppress(FileNotFoundError):
                        obstore.delete(self._store, name)

    @contextlib.contextmanager
    def _explained(self, kind: type[CannotRead] | type[CannotWrite]) -> Iterator[None]:
        """In a line of its own words, and without anything that should be kept secret."""
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            said = without_credentials(" ".join(str(error).split())[:400])
            raise kind(f"{self.url}: {said}") from None


def without_credentials(text: str) -> str:
    """The text, less whatever the environment keeps in variables that are named like secrets."""
    for name, value in os.environ.items():
        if len(value) > 3 and _SECRETS.search(name):
            text = text.replace(value, "***")
    return text


def _opened(url: str) -> Any:
    try:
        from obstore.store import from_url
    except ModuleNotFoundError as missing:
        raise MissingExtra.needs("a lake in an object store", "cloud") from missing
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    options: dict[str, Any] = {"timeout": "60s", "connect_timeout": "10s"}
    if url.startswith("s3:") and endpoint.startswith("http://"):
        options["allow_http"] = True  # who names such an endpoint means it
    try:
        return from_url(url, client_options=options)  # type: ignore[call-overload]
    except Exception as error:
        said = without_credentials(" ".join(str(error).split())[:400])
        raise BadInput(f"{url}: {said}") from None
