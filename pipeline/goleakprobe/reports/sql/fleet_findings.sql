-- The newest state of each finding at $as_of_ns, strongest first.
-- A finding fires until it says otherwise, however long ago it spoke; a resolved one is left out
-- once it has been over since before $from_ns.
WITH newest AS (
  SELECT *
  FROM findings
  WHERE time_ns <= $as_of_ns
  QUALIFY row_number() OVER (
    PARTITION BY namespace, service, coalesce(signature, '')
    ORDER BY time_ns DESC, kafka_offset DESC
  ) = 1
)
SELECT
  namespace,
  service,
  coalesce(signature, '') AS signature,
  state,
  grade,
  wait,
  blocking_site,
  creation_site,
  pattern,
  count,
  growth_per_hour,
  growth_per_hour_low,
  growth_per_hour_high,
  oldest_seconds,
  first_seen_ns,
  fired_ns,
  resolved_ns,
  onset_ns,
  time_ns AS last_told_ns,
  instances,
  instances_affected,
  instances_total,
  builds,
  go_versions,
  evidence,
  clears_when
FROM newest
WHERE state = 'firing' OR coalesce(resolved_ns, time_ns) >= $from_ns
ORDER BY
  state = 'firing' DESC,
  list_position(['proven', 'growing', 'stuck', 'anomalous'], grade),
  count DESC NULLS LAST,
  growth_per_hour DESC NULLS LAST,
  namespace, service, signature
