-- stop: version 0.1.0 reads and writes these tables.
-- Their rows are in authenticators and events.

DROP TABLE IF EXISTS totp_factors;

DROP TABLE IF EXISTS sms_factors;

DROP TABLE IF EXISTS audit_events;
