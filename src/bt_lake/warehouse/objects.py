"""An object store, as little of it as a lake needs: list, read, create what is not there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from bt_lake.warehouse.errors import BadInput, CannotRead, CannotWrite, Damaged, MissingExtra

T = TypeVar("T")
SCHEMES = ("s3", "gs", "az")
# A Path has lost one of the two slashes.
_URL = re.compile(rf"({'|'.join(SCHEMES)}):/++(.+)")
AT_ONCE = 16  # requests to a store
_SMALL_BYTES = 4 << 20
_SMALL_AT_ONCE = 64  # what is small has room in memory all the same
_WAITS_S = (0.2, 1.0, 3.0)  # beside the library's own tries
_process: int | None = None  # that asked first: the library's threads do not go into a fork
_SECRETS = re.compile(r"(?i)secret|token|password|access_key|account_key|sas")

# Without credentials the library asks the address at which a machine in a cloud has its own.
_NOBODY = re.compile(r"169\.254\.169\.254|metadata\.google|Account must be specified")
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


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


def each_of(
    act: Callable[[str], T], names: Iterable[str], sizes: Mapping[str, int]
) -> Iterator[tuple[str, T]]:
    """What an act gives for each object, many at once: more of those that are known to be small."""
    listed = [*names]
    small = {name for name in listed if sizes.get(name, _SMALL_BYTES) < _SMALL_BYTES}
    large = [name for name in listed if name not in small]
    for some, most in ((large, AT_ONCE), ([*small], _SMALL_AT_ONCE)):
        if some:
            with ThreadPoolExecutor(most) as pool:
                yield from zip(some, pool.map(act, some), strict=True)


class There(NamedTuple):
    """What a store lists of an object."""

    bytes: int
    at: float  # when it was put, by the store's clock


class Unanswered(CannotWrite):
    """A put of which nobody knows whether it succeeded; it may do so yet."""


class Objects:
    """The objects below an address; credentials are the environment's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._store = _opened(url)

    def sizes(self, below: str = "") -> dict[str, int]:
        """What there is, with sizes."""
        return {name: there.bytes for name, there in self.listed(below).items()}

    def listed(self, below: str = "") -> dict[str, There]:
        """What there is, and what the store says of each."""
        import obstore

        with self._explained(CannotRead):
            pieces = obstore.list(self._store, prefix=below or None)
            return {
                each["path"]: There(each["size"], each["last_modified"].timestamp())
                for piece in pieces
                for each in piece
            }

    def read(self, name: str) -> bytes:
        """The content; raises FileNotFoundError if there is none."""
        import obstore

        with self._explained(CannotRead):
            return bytes(obstore.get(self._store, name).bytes())

    def read_end(self, name: str, size: int, wanted: int) -> bytes:
        """The last bytes of an object of that size."""
        import obstore

        with self._explained(CannotRead):
            start = max(size - wanted, 0)
            return bytes(obstore.get_range(self._store, name, start=start, end=size))

    def read_range(
        self, name: str, start: int, length: int, size: int, mark: str = ""
    ) -> tuple[bytes, str]:
        """Some bytes of an object of this size, and what tells it from another of its name.

        If that is given, it must be the same.
        """
        import obstore
        from obstore.exceptions import PreconditionError

        options: Any = {"range": (start, start + length), **({"if_match": mark} if mark else {})}
        with self._explained(CannotRead):
            try:
                got = obstore.get(self._store, name, options=options)
            except PreconditionError:
                raise self._another(name) from None
            if got.meta["size"] != size:
                raise self._another(name)
            return bytes(got.bytes()), got.meta["e_tag"] or ""

    def _another(self, name: str) -> Damaged:
        return Damaged(
            f"{self.url}/{name} is not what was written: another object has taken its name"
        )

    def changed_at(self, name: str) -> float:
        """When it was put, by the store's clock; raises FileNotFoundError if there is none."""
        import obstore

        with self._explained(CannotRead):
            return float(obstore.head(self._store, name)["last_modified"].timestamp())

    def touch(self, name: str) -> float:
        """Put an empty object, whatever was there; gives the store's time of now."""
        import obstore

        with self._explained(CannotWrite):
            obstore.put(self._store, name, b"", use_multipart=False)
        return self.changed_at(name)

    def replace(self, name: str, data: bytes) -> None:
        """Put an object, whatever was there."""
        import obstore

        with self._explained(CannotWrite):
            obstore.put(self._store, name, data, use_multipart=False)

    def create(self, name: str, data: bytes) -> None:
        """Give a new object its name in one step, or raise FileExistsError: another has it.

        Whoever finds the same there is content: the answer to a request that succeeded may be
        lost. Without any answer it asks again, since the request may be carried out late.
        """
        for wait in (*_WAITS_S, None):
            try:
                self._create(name, data)
            except Unanswered:
                if wait is None:
                    raise
                from random import uniform

                time.sleep(wait * uniform(0.5, 1))
            else:
                return

    def _create(self, name: str, data: bytes) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, GenericError, NotSupportedError

        with self._explained(CannotWrite):
            try:
                obstore.put(self._store, name, data, mode="create", use_multipart=False)
            except (NotSupportedError, NotImplementedError):
                raise CannotWrite(
                    f"{self.url}: this store cannot create an object only if it is not there, so "
                    "that no write to it would be safe"
                ) from None
            except (AlreadyExistsError, FileExistsError, GenericError) as error:
                there = self._there(name, error)
                if there == data:
                    return
                if there is None:
                    raise self._unanswered(error) from None
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from None

    def _there(self, name: str, error: Exception) -> bytes | None:
        """What has the name, if anything; unknown is an answer that is outstanding."""
        try:
            return self.read(name)
        except FileNotFoundError:
            return None
        except CannotRead:
            raise self._unanswered(error) from None

    def _unanswered(self, error: Exception) -> Unanswered:
        return Unanswered(f"{self.url}: {plainly(self.url, error)}")

    def remove(self, names: Sequence[str]) -> None:
        import obstore

        if not names:
            return
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

        if _process not in (None, os.getpid()):
            raise kind(
                f"{self.url}: this process was forked from one that asked an object store, which "
                'works in no fork: multiprocessing.set_start_method("spawn") starts others'
            )
        try:
            yield
        except (FileNotFoundError, FileExistsError):
            raise
        except (BaseError, OSError) as error:
            raise kind(f"{self.url}: {plainly(self.url, error)}") from None


def plainly(url: str, error: Exception) -> str:
    said = " ".join(str(error).split()).partition(" Debug source: ")[0]
    if _NOBODY.search(said):
        needed = _CREDENTIALS.get(url.partition(":")[0], "those of the store")
        return (
            "there are no credentials in the environment, and this machine has none of its own: "
            f"set {needed}. Files of profiles are not read. The library says: {said[:160]}"
        )
    return without_credentials(said[:400])


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
    global _process
    _process = _process or os.getpid()
    options: dict[str, Any] = {"timeout": "60s", "connect_timeout": "10s"}
    if url.startswith("s3:") and endpoint.startswith("http://"):
        options["allow_http"] = True  # who names such an endpoint means it
    try:
        retries: Any = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}
        return from_url(url, client_options=options, retry_config=retries)  # type: ignore[call-overload]
    except Exception as error:
        raise BadInput(f"{url}: {plainly(url, error)}") from None
