"""Messages to persons outside the console: an outbox in the transaction of the fact, a dispatcher, and channels."""
