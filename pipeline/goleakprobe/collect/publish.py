"""Events to the broker: idempotent, compressed, keyed, bounded, and never lost in silence."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from goleakprobe.collect.in_flight import InFlight
from goleakprobe.collect.untrusted import clean_text
from goleakprobe.errors import PublishError
from goleakprobe_agents.connection import client_options, require_reachable
from goleakprobe_agents.errors import BrokerUnavailableError
from goleakprobe_schemas import Headers, cloud_event_headers, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from goleakprobe_agents.settings import BrokerSettings
    from goleakprobe_agents.stage import Output

__all__ = ["DeliveryObserver", "KafkaPublisher", "Publisher"]

_SOURCE = "goleakprobe/collect"
_BATCH_BYTES = 256 * 1024
_LINGER_MS = 10
# The contract's largest value with its key, headers and record framing.
_MAX_REQUEST_BYTES = 9 * 1024 * 1024
_CONNECT_MS = 10_000
_MAX_BLOCK_MS = 10_000
# The producer itself retries for so long: it numbers batches, so the broker drops what comes
# twice. One that gave up would come again under a new number, and may have arrived after all.
_DELIVERY_MS = 900_000
# kafka-python 3.0 forgets batches when others of them expire: nobody hears of those again.
_PATIENCE_SECONDS = _DELIVERY_MS / 1000 + 60.0
_UNACKNOWLEDGED_SECONDS = 60.0
_CLOSE_SECONDS = 10.0
_RETRY_SECONDS = 1.0
_MAX_RETRY_SECONDS = 30.0


class DeliveryObserver(Protocol):
    """Is told what became of every event, in the event loop."""

    def delivered(self, topic: str) -> None:
        """The broker has acknowledged an event."""

    def failed(self, topic: str, reason: str) -> None:
        """The broker has not taken an event, or not yet after a minute, and each minute after.

        It is sent again unless the event is to blame.
        """

    def in_flight(self, messages: int, size_bytes: int) -> None:
        """How much is on its way now."""


class Publisher(Protocol):
    """What the collectors need of a broker."""

    async def publish(
        self, outputs: Sequence[Output], *, accepted: Callable[[], None] | None = None
    ) -> None:
        """Return once every event is acknowledged; see KafkaPublisher."""


class _Message(msgspec.Struct, frozen=True):
    output: Output
    key: bytes
    value: bytes
    headers: Headers


class KafkaPublisher:
    """kafka-python's producer behind an asynchronous face; a context manager that flushes.

    Entering raises BrokerUnavailableError or CredentialsError. kafka-python blocks, so it is only
    ever called from one thread of its own.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        max_messages: int,
        max_bytes: int,
        observer: DeliveryObserver,
    ) -> None:
        self._settings = settings
        self._in_flight = InFlight(max_messages=max_messages, max_bytes=max_bytes)
        self._observer = observer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="goleakprobe-publish")
        self._producer: Any = None
        self._broken = False
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        try:
            self._producer = await self._loop.run_in_executor(
                self._thread, _producer, self._settings
            )
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._loop is not None
        self._closed = True
        try:
            await self._loop.run_in_executor(self._thread, _close, self._producer, _CLOSE_SECONDS)
        finally:
            self._thread.shutdown(wait=False)

    @property
    def undelivered(self) -> int:
        """Events that are not acknowledged (after closing: that were lost with the broker)."""
        return self._in_flight.messages

    async def publish(
        self, outputs: Sequence[Output], *, accepted: Callable[[], None] | None = None
    ) -> None:
        """Send events and return once the broker has acknowledged all of them.

        ``accepted`` is called as soon as they have left for the broker the first time: what was
        held back for lack of room may go on. While the broker cannot take them they are sent again,
        with the same ids, until this is cancelled. An event the broker or the contract refuses
        for good raises PublishError after the others were delivered.
        """
        assert self._loop is not None
        wait_seconds = _RETRY_SECONDS
        pending = await self._loop.run_in_executor(self._thread, _messages, outputs)
        refused: PublishError | None = None
        while pending:
            results = await self._hand_over(pending)
            if accepted is not None:
                accepted()
            errors = await self._outcomes(pending, results)
            retry = []
            for message, error in zip(pending, errors, strict=True):
                if error is not None and error.retriable:
                    retry.append(message)
                refused = error if error is not None and not error.retriable else refused
            pending = retry
            if pending:
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(2 * wait_seconds, _MAX_RETRY_SECONDS)
        if refused is not None:
            raise refused

    async def _hand_over(
        self, messages: Sequence[_Message]
    ) -> list[asyncio.Future[PublishError | None]]:
        """Give messages to the producer; the futures tell the error of each, None for success."""
        assert self._loop is not None
        size = sum(len(message.value) for message in messages)
        await self._in_flight.reserve(len(messages), size)
        self._tell_in_flight()
        results: list[asyncio.Future[PublishError | None]] = [
            self._loop.create_future() for _ in messages
        ]
        # Room is given back by the callbacks, even if whoever waits here is cancelled meanwhile.
        self._thread.submit(self._send_all, list(zip(messages, results, strict=True)))
        return results

    async def _outcomes(
        self, messages: Sequence[_Message], results: Sequence[asyncio.Future[PublishError | None]]
    ) -> list[PublishError | None]:
        """The error of each message, None for success, once all are known."""
        from kafka.errors import KafkaTimeoutError

        waited = 0.0
        while True:
            _, unknown = await asyncio.wait(results, timeout=_UNACKNOWLEDGED_SECONDS)
            if not unknown:
                return [result.result() for result in results]
            waited += _UNACKNOWLEDGED_SECONDS
            for message, result in zip(messages, results, strict=True):
                if result.done():
                    continue
                reason = f"no acknowledgement for {waited:.0f} s"
                if waited < _PATIENCE_SECONDS:
                    self._observer.failed(message.output.topic.name, reason)
                else:
                    self._broken = True
                    self._settle(message, result, KafkaTimeoutError(reason))

    def _send_all(
        self, pairs: Sequence[tuple[_Message, asyncio.Future[PublishError | None]]]
    ) -> None:
        for message, result in pairs:
            try:
                self._renew_if_broken()
                sent = self._producer.send(
                    message.output.topic.name,
                    key=message.key,
                    value=message.value,
                    headers=message.headers,
                    timestamp_ms=message.output.time_ns // 1_000_000,
                )
            except Exception as error:
                self._settled(message, result, error)
            else:
                sent.add_callback(lambda _, m=message, r=result: self._settled(m, r, None))
                sent.add_errback(lambda error, m=message, r=result: self._settled(m, r, error))

    def _renew_if_broken(self) -> None:
        """An idempotent producer whose sequence the broker lost refuses everything for ever."""
        if self._broken and not self._closed:
            _close(self._producer, 0)
            self._producer = _producer(self._settings)
            self._broken = False

    def _settled(
        self,
        message: _Message,
        result: asyncio.Future[PublishError | None],
        error: BaseException | None,
    ) -> None:
        """Called in the producer's threads."""
        assert self._loop is not None
        if error is not None and _is_fatal(error):
            self._broken = True
        self._loop.call_soon_threadsafe(self._settle, message, result, error)

    def _settle(
        self,
        message: _Message,
        result: asyncio.Future[PublishError | None],
        error: BaseException | None,
    ) -> None:
        if result.done():
            return
        topic = message.output.topic.name
        self._in_flight.release(1, len(message.value))
        self._tell_in_flight()
        outcome = None if error is None else _publish_error(topic, error)
        if outcome is None:
            self._observer.delivered(topic)
        else:
            self._observer.failed(topic, str(outcome))
        result.set_result(outcome)

    def _tell_in_flight(self) -> None:
        self._observer.in_flight(self._in_flight.messages, self._in_flight.bytes)


def _messages(outputs: Sequence[Output]) -> list[_Message]:
    return [_message(output) for output in outputs]


def _message(output: Output) -> _Message:
    headers = cloud_event_headers(
        output.topic,
        event_id=output.event_id,
        source=_SOURCE,
        subject=output.key,
        time_ns=output.time_ns,
    )
    value = encode(output.topic, output.event)
    return _Message(output, output.key.encode(), value, headers)


def _producer(settings: BrokerSettings) -> Any:
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    options = client_options(settings)
    require_reachable(settings)
    try:
        return KafkaProducer(
            **options,
            client_id="goleakprobe-collect",
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            batch_size=_BATCH_BYTES,
            linger_ms=_LINGER_MS,
            max_request_size=_MAX_REQUEST_BYTES,
            max_block_ms=_MAX_BLOCK_MS,
            delivery_timeout_ms=_DELIVERY_MS,
            bootstrap_timeout_ms=_CONNECT_MS,
            # A broker that makes topics by itself makes them with the wrong partition count.
            allow_auto_create_topics=False,
        )
    except (KafkaError, OSError) as error:
        reason = clean_text(f"{type(error).__name__}: {error}", 300)
        raise BrokerUnavailableError(settings.bootstrap_servers, reason) from error


def _close(producer: Any, seconds: float) -> None:
    """Flush for so long, then end it for certain."""
    from kafka.errors import KafkaError

    try:
        producer.close(seconds)
    except KafkaError:
        # What could not be flushed makes close give up half-way: its thread would go on sending.
        producer.flush = lambda *_, **__: None
        producer.close(0)


def _publish_error(topic: str, error: BaseException) -> PublishError:
    reason = clean_text(f"{type(error).__name__}: {error}", 300)
    return PublishError(topic, reason, retriable=not isinstance(error, _refusals()))


def _refusals() -> tuple[type[Exception], ...]:
    """Errors that are the event's own fault.

    Anything else may pass, and the event must not be lost.
    """
    from kafka import errors

    return (
        errors.MessageSizeTooLargeError,
        errors.RecordListTooLargeError,
        errors.InvalidRecordError,
        errors.InvalidTopicError,
        TypeError,
        ValueError,
    )


def _is_fatal(error: BaseException) -> bool:
    from kafka.errors import AuthorizationError, KafkaError, RetriableError

    harmless = (RetriableError, AuthorizationError, *_refusals())
    return isinstance(error, KafkaError) and not isinstance(error, harmless)
