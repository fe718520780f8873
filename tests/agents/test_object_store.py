"""What an object store must promise before anything is landed there."""

from __future__ import annotations

import asyncio
import sys

import pytest
from aiohttp import web

from collect_targets import serving
from goleakprobe_agents.errors import StorageMissingError, UnsupportedStorageError
from goleakprobe_agents.landing import open_lake
from goleakprobe_agents.object_store import ObjectStore, ObjectStoreError, is_object_url


def leading_to(address: str, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
    patch.setenv("AWS_ACCESS_KEY_ID", "key")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    patch.setenv("AWS_REGION", "us-east-1")


class Puts:
    """Takes every object; honours ``If-None-Match`` or, as some stores do, does not."""

    def __init__(self, *, honours: bool) -> None:
        self._honours = honours
        self._keys: set[str] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        conditional = request.headers.get("If-None-Match") == "*"
        if self._honours and conditional and request.path in self._keys:
            return web.Response(status=412)
        self._keys.add(request.path)
        return web.Response(headers={"ETag": '"1"'})


async def test_a_store_that_overwrites_what_it_must_not_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(Puts(honours=False).answer) as address:
        leading_to(address, monkeypatch)
        lake = open_lake("s3://bucket/lake")
        with pytest.raises(UnsupportedStorageError, match="ignores If-None-Match, so two workers"):
            await asyncio.to_thread(lake.prepare)


async def test_a_store_that_refuses_to_overwrite_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(Puts(honours=True).answer) as address:
        leading_to(address, monkeypatch)
        for _ in range(2):
            await asyncio.to_thread(open_lake("s3://bucket/lake").prepare)


def test_a_store_that_cannot_be_reached_is_worth_a_retry(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    leading_to(f"127.0.0.1:{free_port}", monkeypatch)
    with pytest.raises(ObjectStoreError, match="s3://bucket/lake/a") as caught:
        ObjectStore("s3://bucket/lake").put("a", b"")
    assert isinstance(caught.value, OSError)


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StorageMissingError, match=r"install go-leak-probe\[object-store\]"):
        ObjectStore("s3://bucket/lake")


@pytest.mark.parametrize("path", ["lake", "/srv/lake", "C:lake"])
def test_folders_are_no_urls(path: str) -> None:
    assert not is_object_url(path)
