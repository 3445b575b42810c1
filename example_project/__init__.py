"""A site that shows `dbconnections` at work: a front end, an outbox and the admin."""
