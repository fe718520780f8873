"""kafka-python's producer with bodies of the given size, as a collector would set it up."""

import sys
import time

from kafka import KafkaProducer

server, topic, wanted, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
body = (b'{"signature":"%032d","count":7,"wait":"select"},' * (size // 70 + 1))[:size]
producer = KafkaProducer(
    bootstrap_servers=server,
    compression_type="lz4",
    linger_ms=20,
    batch_size=256 * 1024,
)
producer.send(topic + ".bench", value=body).get(60)
cpu, wall = time.process_time(), time.perf_counter()
for begin in range(0, wanted, 2000):
    futures = [
        producer.send(topic + ".bench", key=b"%d" % (n % 1000), value=body)
        for n in range(begin, min(wanted, begin + 2000))
    ]
    for future in futures:
        future.get(60)
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print(f'{{"messages": {wanted}, "cpu": {cpu}, "wall": {wall}}}', flush=True)
