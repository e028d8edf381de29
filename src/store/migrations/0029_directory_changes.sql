-- When a row was last written, kept by the database whoever writes: instances keep tenants, keys and applications in memory, and ask
-- once a second which ones have changed.
ALTER TABLE tenants ADD COLUMN changed_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3);
ALTER TABLE tenants ADD KEY tenants_changed (changed_at);

ALTER TABLE api_keys ADD COLUMN changed_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3);
ALTER TABLE api_keys ADD KEY api_keys_changed (changed_at, tenant_id);

ALTER TABLE applications ADD COLUMN changed_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3);
ALTER TABLE applications ADD KEY applications_changed (changed_at);

ALTER TABLE application_secrets ADD COLUMN changed_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3);
ALTER TABLE application_secrets ADD KEY application_secrets_changed (changed_at);
