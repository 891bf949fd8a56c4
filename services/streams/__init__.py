"""The Kafka door: topics, the worker that takes events from them, and the relay of outcomes."""
