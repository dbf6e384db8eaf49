CREATE TABLE aliases (
  id VARCHAR(26) NOT NULL,
  model TEXT NOT NULL,
  alias TEXT NOT NULL,
  version INTEGER NOT NULL,
  from_at BIGINT NOT NULL,
  to_at BIGINT,
  actor TEXT NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_aliases PRIMARY KEY (id)
);

CREATE UNIQUE INDEX uq_aliases_current ON aliases (model, alias) WHERE to_at IS NULL;

CREATE TABLE approvals (
  id VARCHAR(26) NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  environment TEXT NOT NULL,
  needs TEXT NOT NULL,
  state TEXT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  decided_at BIGINT,
  CONSTRAINT pk_approvals PRIMARY KEY (id)
);

CREATE INDEX ix_approvals_model_version ON approvals (model, version);

CREATE INDEX ix_approvals_state ON approvals (state);

CREATE TABLE artifacts (
  digest VARCHAR(71) NOT NULL,
  kind TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_artifacts PRIMARY KEY (digest)
);

CREATE TABLE assignments (
  id VARCHAR(26) NOT NULL,
  model TEXT NOT NULL,
  environment TEXT NOT NULL,
  version INTEGER NOT NULL,
  approval_id VARCHAR(26),
  from_at BIGINT NOT NULL,
  to_at BIGINT,
  actor TEXT NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_assignments PRIMARY KEY (id)
);

CREATE INDEX ix_assignments_model_environment_from_at ON assignments (model, environment, from_at);

CREATE UNIQUE INDEX uq_assignments_current ON assignments (model, environment) WHERE to_at IS NULL;

CREATE TABLE cache_entries (
  cache_key VARCHAR(71) NOT NULL,
  step_run_id VARCHAR(26) NOT NULL,
  step TEXT NOT NULL,
  parts TEXT NOT NULL,
  outputs TEXT NOT NULL,
  journal_id VARCHAR(26),
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_cache_entries PRIMARY KEY (cache_key)
);

CREATE INDEX ix_cache_entries_step_step_run_id ON cache_entries (step, step_run_id);

CREATE TABLE chunks (
  series_id BIGINT NOT NULL,
  place BIGINT NOT NULL,
  count INTEGER NOT NULL,
  first_step BIGINT NOT NULL,
  last_step BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  summary BLOB NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT pk_chunks PRIMARY KEY (series_id, place)
);

CREATE TABLE cursors (
  subscriber TEXT NOT NULL,
  seq BIGINT NOT NULL,
  CONSTRAINT pk_cursors PRIMARY KEY (subscriber)
);

CREATE TABLE datasets (
  id VARCHAR(26) NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_type TEXT DEFAULT '' NOT NULL,
  source TEXT DEFAULT '' NOT NULL,
  schema TEXT DEFAULT '' NOT NULL,
  profile TEXT DEFAULT '' NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_datasets PRIMARY KEY (id),
  CONSTRAINT uq_datasets_name_digest UNIQUE (name, digest)
);

CREATE TABLE deployments (
  name TEXT NOT NULL,
  model TEXT NOT NULL,
  spec TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT pk_deployments PRIMARY KEY (name)
);

CREATE TABLE events (
  seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR(26) NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  at BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  data TEXT NOT NULL,
  CONSTRAINT uq_events_id UNIQUE (id)
);

CREATE INDEX ix_events_subject_seq ON events (subject, seq);

CREATE INDEX ix_events_type_seq ON events (type, seq);

CREATE TABLE experiments (
  id VARCHAR(26) NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  note TEXT DEFAULT '' NOT NULL,
  settings TEXT DEFAULT '{}' NOT NULL,
  location TEXT DEFAULT '' NOT NULL,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  deleted_at BIGINT,
  CONSTRAINT pk_experiments PRIMARY KEY (id),
  CONSTRAINT uq_experiments_number UNIQUE (number),
  CONSTRAINT uq_experiments_name UNIQUE (name)
);

CREATE TABLE firings (
  source TEXT NOT NULL,
  "key" TEXT NOT NULL,
  system TEXT NOT NULL,
  decision TEXT NOT NULL,
  reason TEXT NOT NULL,
  arguments TEXT NOT NULL,
  outcome TEXT,
  run_id VARCHAR(26),
  at BIGINT NOT NULL,
  CONSTRAINT pk_firings PRIMARY KEY (source, "key")
);

CREATE INDEX ix_firings_source_at ON firings (source, at);

CREATE INDEX ix_firings_system_outcome ON firings (system, outcome);

CREATE TABLE gate_results (
  id VARCHAR(26) NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  gate TEXT NOT NULL,
  passed BOOLEAN NOT NULL,
  numbers TEXT NOT NULL,
  reason TEXT NOT NULL,
  asked TEXT,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_gate_results PRIMARY KEY (id)
);

CREATE INDEX ix_gate_results_model_version ON gate_results (model, version);

CREATE TABLE labels (
  deployment TEXT NOT NULL,
  prediction_id TEXT NOT NULL,
  value DOUBLE,
  predicted_at BIGINT NOT NULL,
  at BIGINT NOT NULL,
  corrected_at BIGINT,
  CONSTRAINT pk_labels PRIMARY KEY (deployment, prediction_id)
);

CREATE INDEX ix_labels_deployment_predicted_at ON labels (deployment, predicted_at);

CREATE TABLE leases (
  name TEXT NOT NULL,
  owner TEXT NOT NULL,
  fence BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  CONSTRAINT pk_leases PRIMARY KEY (name)
);

CREATE TABLE meta (
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_meta PRIMARY KEY ("key")
);

CREATE TABLE models (
  name TEXT NOT NULL,
  description TEXT DEFAULT '' NOT NULL,
  settings TEXT DEFAULT '{}' NOT NULL,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  CONSTRAINT pk_models PRIMARY KEY (name)
);

CREATE TABLE monitors (
  name TEXT NOT NULL,
  deployment TEXT NOT NULL,
  spec TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  retired_at BIGINT,
  CONSTRAINT pk_monitors PRIMARY KEY (name)
);

CREATE TABLE points (
  series_id BIGINT NOT NULL,
  place BIGINT NOT NULL,
  count INTEGER NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT pk_points PRIMARY KEY (series_id, place)
)
 WITHOUT ROWID;

CREATE TABLE prediction_batches (
  deployment TEXT NOT NULL,
  request_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  rows INTEGER NOT NULL,
  format INTEGER NOT NULL,
  payload BLOB NOT NULL,
  CONSTRAINT pk_prediction_batches PRIMARY KEY (deployment, request_id)
);

CREATE INDEX ix_prediction_batches_deployment_at ON prediction_batches (deployment, at);

CREATE TABLE predictions (
  deployment TEXT NOT NULL,
  prediction_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_predictions PRIMARY KEY (deployment, prediction_id)
)
 WITHOUT ROWID;

CREATE TABLE proxied_files (
  path TEXT NOT NULL,
  digest VARCHAR(71) NOT NULL,
  size_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_proxied_files PRIMARY KEY (path)
);

CREATE INDEX ix_proxied_files_digest ON proxied_files (digest);

CREATE TABLE registry_changes (
  id INTEGER NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  what TEXT NOT NULL,
  "key" TEXT DEFAULT '' NOT NULL,
  old TEXT,
  new TEXT,
  actor TEXT NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_registry_changes PRIMARY KEY (id)
);

CREATE INDEX ix_registry_changes_model_at ON registry_changes (model, at);

CREATE TABLE schedules (
  name TEXT NOT NULL,
  system TEXT NOT NULL,
  spec TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_schedules PRIMARY KEY (name)
);

CREATE TABLE systems (
  id VARCHAR(26) NOT NULL,
  name TEXT NOT NULL,
  target TEXT NOT NULL,
  manifest TEXT NOT NULL,
  digest VARCHAR(71) NOT NULL,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_systems PRIMARY KEY (id)
);

CREATE INDEX ix_systems_name_id ON systems (name, id);

CREATE TABLE triggers (
  name TEXT NOT NULL,
  system TEXT NOT NULL,
  spec TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_triggers PRIMARY KEY (name)
);

CREATE TABLE uploads (
  id VARCHAR(26) NOT NULL,
  path TEXT NOT NULL,
  parts TEXT DEFAULT '{}' NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_uploads PRIMARY KEY (id)
);

CREATE TABLE webhooks (
  id VARCHAR(26) NOT NULL,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  description TEXT DEFAULT '' NOT NULL,
  events TEXT NOT NULL,
  has_secret BOOLEAN NOT NULL,
  active BOOLEAN NOT NULL,
  dialect TEXT DEFAULT '' NOT NULL,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  CONSTRAINT pk_webhooks PRIMARY KEY (id),
  CONSTRAINT uq_webhooks_name UNIQUE (name)
);

CREATE TABLE alerts (
  id VARCHAR(26) NOT NULL,
  monitor TEXT NOT NULL,
  deployment TEXT NOT NULL,
  version INTEGER NOT NULL,
  severity TEXT NOT NULL,
  sentence TEXT NOT NULL,
  numbers TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  resolved_at BIGINT,
  resolution TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_alerts PRIMARY KEY (id),
  CONSTRAINT fk_alerts_monitor FOREIGN KEY(monitor) REFERENCES monitors (name)
);

CREATE INDEX ix_alerts_deployment_opened_at ON alerts (deployment, opened_at);

CREATE UNIQUE INDEX uq_alerts_open ON alerts (monitor) WHERE resolved_at IS NULL;

CREATE TABLE approval_votes (
  approval_id VARCHAR(26) NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  approves BOOLEAN NOT NULL,
  comment TEXT DEFAULT '' NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_approval_votes PRIMARY KEY (approval_id, actor),
  CONSTRAINT fk_approval_votes_approval_id FOREIGN KEY(approval_id) REFERENCES approvals (id)
);

CREATE TABLE experiment_tags (
  experiment_id VARCHAR(26) NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_experiment_tags PRIMARY KEY (experiment_id, "key"),
  CONSTRAINT fk_experiment_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);

CREATE TABLE logged_models (
  id VARCHAR(40) NOT NULL,
  experiment_id VARCHAR(26) NOT NULL,
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  status_message TEXT DEFAULT '' NOT NULL,
  model_type TEXT DEFAULT '' NOT NULL,
  run_id VARCHAR(26),
  params TEXT DEFAULT '{}' NOT NULL,
  tags TEXT DEFAULT '{}' NOT NULL,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  deleted_at BIGINT,
  CONSTRAINT pk_logged_models PRIMARY KEY (id),
  CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);

CREATE INDEX ix_logged_models_experiment_id_created_at ON logged_models (experiment_id, created_at);

CREATE INDEX ix_logged_models_run_id ON logged_models (run_id);

CREATE TABLE model_tags (
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_model_tags PRIMARY KEY (model, version, "key"),
  CONSTRAINT fk_model_tags_model FOREIGN KEY(model) REFERENCES models (name)
);

CREATE TABLE model_versions (
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest VARCHAR(71) NOT NULL,
  source TEXT DEFAULT '' NOT NULL,
  status TEXT DEFAULT 'ready' NOT NULL,
  stage TEXT DEFAULT 'None' NOT NULL,
  logged_model_id VARCHAR(40),
  flavour TEXT NOT NULL,
  codec TEXT NOT NULL,
  unsafe BOOLEAN NOT NULL,
  signature TEXT NOT NULL,
  metrics TEXT NOT NULL,
  profile_digest VARCHAR(71),
  lineage TEXT NOT NULL,
  description TEXT DEFAULT '' NOT NULL,
  run_id VARCHAR(26),
  idempotency_key TEXT,
  card_digest VARCHAR(71),
  actor TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  CONSTRAINT pk_model_versions PRIMARY KEY (model, version),
  CONSTRAINT fk_model_versions_model FOREIGN KEY(model) REFERENCES models (name),
  CONSTRAINT uq_model_versions_idempotency_key UNIQUE (idempotency_key)
);

CREATE INDEX ix_model_versions_digest ON model_versions (digest);

CREATE INDEX ix_model_versions_run_id ON model_versions (run_id);

CREATE TABLE monitor_results (
  monitor TEXT NOT NULL,
  window_end BIGINT NOT NULL,
  window_start BIGINT NOT NULL,
  version INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  value DOUBLE,
  numbers TEXT NOT NULL,
  sentence TEXT NOT NULL,
  at BIGINT NOT NULL,
  CONSTRAINT pk_monitor_results PRIMARY KEY (monitor, window_end),
  CONSTRAINT fk_monitor_results_monitor FOREIGN KEY(monitor) REFERENCES monitors (name)
);

CREATE TABLE rollouts (
  id VARCHAR(26) NOT NULL,
  deployment TEXT NOT NULL,
  stable INTEGER,
  candidate INTEGER NOT NULL,
  status TEXT NOT NULL,
  steps TEXT NOT NULL,
  step INTEGER NOT NULL,
  step_started_at BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  verdict TEXT,
  cause TEXT,
  actor TEXT NOT NULL,
  CONSTRAINT pk_rollouts PRIMARY KEY (id),
  CONSTRAINT fk_rollouts_deployment FOREIGN KEY(deployment) REFERENCES deployments (name)
);

CREATE UNIQUE INDEX uq_rollouts_running ON rollouts (deployment) WHERE status = 'running';

CREATE TABLE runs (
  id VARCHAR(26) NOT NULL,
  experiment_id VARCHAR(26) NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  pipeline TEXT DEFAULT '' NOT NULL,
  ir_digest VARCHAR(71),
  code_digest VARCHAR(71),
  environment_digest VARCHAR(71),
  source TEXT,
  arguments TEXT DEFAULT '{}' NOT NULL,
  cause TEXT,
  idempotency_key TEXT,
  parent_id VARCHAR(26),
  forked_from VARCHAR(26),
  forked_step BIGINT,
  note TEXT DEFAULT '' NOT NULL,
  actor TEXT NOT NULL,
  error TEXT,
  created_at BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  deleted_at BIGINT,
  duration_s DOUBLE,
  CONSTRAINT pk_runs PRIMARY KEY (id),
  CONSTRAINT fk_runs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id),
  CONSTRAINT uq_runs_idempotency_key UNIQUE (idempotency_key)
);

CREATE INDEX ix_runs_experiment_id_id ON runs (experiment_id, id);

CREATE INDEX ix_runs_experiment_id_name ON runs (experiment_id, name);

CREATE INDEX ix_runs_experiment_id_started_at ON runs (experiment_id, started_at);

CREATE INDEX ix_runs_forked_from ON runs (forked_from);

CREATE INDEX ix_runs_parent_id ON runs (parent_id);

CREATE INDEX ix_runs_status ON runs (status);

CREATE TABLE traffic (
  id VARCHAR(26) NOT NULL,
  deployment TEXT NOT NULL,
  arms TEXT NOT NULL,
  rollout_id VARCHAR(26),
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  to_at BIGINT,
  CONSTRAINT pk_traffic PRIMARY KEY (id),
  CONSTRAINT fk_traffic_deployment FOREIGN KEY(deployment) REFERENCES deployments (name)
);

CREATE UNIQUE INDEX uq_traffic_current ON traffic (deployment) WHERE to_at IS NULL;

CREATE TABLE webhook_deliveries (
  id VARCHAR(26) NOT NULL,
  webhook_id VARCHAR(26) NOT NULL,
  event_seq BIGINT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_at BIGINT,
  status INTEGER,
  error TEXT DEFAULT '' NOT NULL,
  created_at BIGINT NOT NULL,
  delivered_at BIGINT,
  CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id),
  CONSTRAINT uq_webhook_deliveries_webhook_id_event_seq_id UNIQUE (webhook_id, event_seq, id),
  CONSTRAINT fk_webhook_deliveries_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhooks (id)
);

CREATE INDEX ix_webhook_deliveries_state_next_at ON webhook_deliveries (state, next_at);

CREATE TABLE journals (
  id VARCHAR(26) NOT NULL,
  run_id VARCHAR(26) NOT NULL,
  step TEXT DEFAULT '' NOT NULL,
  position BIGINT NOT NULL,
  superseded BOOLEAN DEFAULT 0 NOT NULL,
  logged TEXT DEFAULT '{}' NOT NULL,
  CONSTRAINT pk_journals PRIMARY KEY (id),
  CONSTRAINT fk_journals_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE INDEX ix_journals_run_id_step ON journals (run_id, step);

CREATE TABLE logged_model_metrics (
  id INTEGER NOT NULL,
  model_id VARCHAR(40) NOT NULL,
  "key" TEXT NOT NULL,
  value DOUBLE,
  step BIGINT NOT NULL,
  at BIGINT NOT NULL,
  run_id VARCHAR(26),
  dataset_name TEXT DEFAULT '' NOT NULL,
  dataset_digest TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_logged_model_metrics PRIMARY KEY (id),
  CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (id)
);

CREATE INDEX ix_logged_model_metrics_model_id_key_step ON logged_model_metrics (model_id, "key", step);

CREATE TABLE params (
  run_id VARCHAR(26) NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  text TEXT NOT NULL,
  number DOUBLE,
  CONSTRAINT pk_params PRIMARY KEY (run_id, "key"),
  CONSTRAINT fk_params_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE INDEX ix_params_key_number_run_id ON params ("key", number, run_id);

CREATE INDEX ix_params_key_text_run_id ON params ("key", text, run_id);

CREATE TABLE rollout_looks (
  rollout_id VARCHAR(26) NOT NULL,
  at BIGINT NOT NULL,
  step INTEGER NOT NULL,
  decision TEXT NOT NULL,
  sentence TEXT NOT NULL,
  numbers TEXT NOT NULL,
  CONSTRAINT pk_rollout_looks PRIMARY KEY (rollout_id, at),
  CONSTRAINT fk_rollout_looks_rollout_id FOREIGN KEY(rollout_id) REFERENCES rollouts (id)
);

CREATE TABLE run_artifacts (
  run_id VARCHAR(26) NOT NULL,
  name TEXT NOT NULL,
  digest VARCHAR(71) NOT NULL,
  codec TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  step TEXT DEFAULT '' NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT pk_run_artifacts PRIMARY KEY (run_id, name),
  CONSTRAINT fk_run_artifacts_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE INDEX ix_run_artifacts_digest ON run_artifacts (digest);

CREATE TABLE run_datasets (
  run_id VARCHAR(26) NOT NULL,
  dataset_id VARCHAR(26) NOT NULL,
  context TEXT DEFAULT '' NOT NULL,
  tags TEXT DEFAULT '{}' NOT NULL,
  CONSTRAINT pk_run_datasets PRIMARY KEY (run_id, dataset_id),
  CONSTRAINT fk_run_datasets_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
  CONSTRAINT fk_run_datasets_dataset_id FOREIGN KEY(dataset_id) REFERENCES datasets (id)
);

CREATE INDEX ix_run_datasets_dataset_id_run_id ON run_datasets (dataset_id, run_id);

CREATE TABLE run_models (
  run_id VARCHAR(26) NOT NULL,
  model_id VARCHAR(40) NOT NULL,
  role TEXT NOT NULL,
  step BIGINT DEFAULT '0' NOT NULL,
  CONSTRAINT pk_run_models PRIMARY KEY (run_id, model_id, role),
  CONSTRAINT fk_run_models_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
  CONSTRAINT fk_run_models_model_id FOREIGN KEY(model_id) REFERENCES logged_models (id)
);

CREATE INDEX ix_run_models_model_id ON run_models (model_id);

CREATE TABLE series (
  id INTEGER NOT NULL,
  run_id VARCHAR(26) NOT NULL,
  "key" TEXT NOT NULL,
  origin TEXT NOT NULL,
  shown SMALLINT NOT NULL,
  superseded BOOLEAN NOT NULL,
  count BIGINT NOT NULL,
  packed BIGINT NOT NULL,
  last DOUBLE,
  last_step BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  min DOUBLE,
  max DOUBLE,
  tail BLOB NOT NULL,
  CONSTRAINT pk_series PRIMARY KEY (id),
  CONSTRAINT uq_series_run_id_key_origin UNIQUE (run_id, "key", origin),
  CONSTRAINT fk_series_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE INDEX ix_series_shown_last ON series ("key", last, run_id) WHERE shown = 1;

CREATE INDEX ix_series_shown_max ON series ("key", max, run_id) WHERE shown = 1;

CREATE INDEX ix_series_shown_min ON series ("key", min, run_id) WHERE shown = 1;

CREATE TABLE sheets (
  run_id VARCHAR(26) NOT NULL,
  origin TEXT NOT NULL,
  place BIGINT NOT NULL,
  count INTEGER NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT pk_sheets PRIMARY KEY (run_id, origin, place),
  CONSTRAINT fk_sheets_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
)
 WITHOUT ROWID;

CREATE TABLE step_outputs (
  run_id VARCHAR(26) NOT NULL,
  step TEXT NOT NULL,
  name TEXT NOT NULL,
  step_run_id VARCHAR(26) NOT NULL,
  digest VARCHAR(71) NOT NULL,
  codec TEXT NOT NULL,
  type TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  CONSTRAINT pk_step_outputs PRIMARY KEY (run_id, step, name),
  CONSTRAINT fk_step_outputs_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE INDEX ix_step_outputs_digest ON step_outputs (digest);

CREATE TABLE step_runs (
  id VARCHAR(26) NOT NULL,
  run_id VARCHAR(26) NOT NULL,
  step TEXT NOT NULL,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  fence BIGINT NOT NULL,
  cache_key VARCHAR(71),
  cached_from VARCHAR(26),
  reason TEXT DEFAULT '' NOT NULL,
  error TEXT,
  log_digest VARCHAR(71),
  usage TEXT,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  duration_s DOUBLE,
  CONSTRAINT pk_step_runs PRIMARY KEY (id),
  CONSTRAINT uq_step_runs_run_id_step_attempt UNIQUE (run_id, step, attempt),
  CONSTRAINT fk_step_runs_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE TABLE tags (
  run_id VARCHAR(26) NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  text TEXT NOT NULL,
  CONSTRAINT pk_tags PRIMARY KEY (run_id, "key"),
  CONSTRAINT fk_tags_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE INDEX ix_tags_key_text_run_id ON tags ("key", text, run_id)
