"""The ways out of the station: each hands one message to a gateway and says what the gateway answered."""
