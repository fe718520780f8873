"""The fetching that everything in Python is built on, alone."""

import os
import sys
import time
import uuid

import uvloop
from aiokafka import AIOKafkaConsumer

server, topic, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def main():
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=server,
        group_id=f"raw-{uuid.uuid4().hex[:8]}",
        session_timeout_ms=6000,
        heartbeat_interval_ms=2000,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    seen, first, cpu, wall = 0, 0, 0.0, 0.0
    while seen < wanted:
        fetched = await consumer.getmany(timeout_ms=1000, max_records=500)
        seen += sum(len(records) for records in fetched.values())
        if seen and not first:
            first, cpu, wall = seen, time.process_time(), time.perf_counter()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f'{{"messages": {seen - first}, "cpu": {cpu}, "wall": {wall}}}', flush=True)
    os._exit(0)


uvloop.run(main())
