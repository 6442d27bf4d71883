"""The log forgets, as it does when the time of its records is over."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete


async def forget(kafka: str, *topics: str) -> None:
    """Everything of these topics, at this bootstrap address."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await consumer.start()
    await admin.start()
    try:
        numbers = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(list(topics))}
        places = [TopicPartition(topic, number) for topic in topics for number in range(numbers[topic])]
        ends = await consumer.end_offsets(places)
        await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items()})
    finally:
        await consumer.stop()
        await admin.close()
