-- How the count of each wanted signature went over time, instance by instance.
-- A scrape that does not list a signature counts as zero; an empty signature stands for all
-- goroutines. The $instances_max instances with the highest peaks are kept, and each series is
-- reduced to at most $buckets points: the latest count of its bucket, and the lowest count the
-- growth detector vouched for.
WITH wanted AS (
  SELECT
    unnest($namespaces::VARCHAR[]) AS namespace,
    unnest($services::VARCHAR[]) AS service,
    unnest($signatures::VARCHAR[]) AS signature
),
profiles AS (
  SELECT
    namespace, service, instance, time_ns,
    coalesce(signature, '') AS signature, count, total
  FROM snapshots SEMI JOIN wanted USING (namespace, service)
  WHERE source IN ('debug0', 'debug1', 'debug2')
),
scrapes AS (
  SELECT namespace, service, instance, time_ns, any_value(total) AS total
  FROM profiles
  GROUP BY ALL
),
counts AS (
  SELECT namespace, service, instance, time_ns, signature, sum(count)::BIGINT AS count
  FROM profiles SEMI JOIN wanted USING (namespace, service, signature)
  WHERE signature <> ''
  GROUP BY ALL
),
floors AS (
  SELECT
    namespace, service, instance, time_ns,
    coalesce(signature, '') AS signature, any_value(growth_floor) AS floor
  FROM assessments
  WHERE source IN ('debug0', 'debug1', 'debug2') AND growth_floor IS NOT NULL
  GROUP BY ALL
),
points AS (
  SELECT
    namespace, service, signature, instance, time_ns,
    CASE WHEN signature = '' THEN total ELSE coalesce(count, 0) END AS count,
    floor
  FROM wanted
  JOIN scrapes USING (namespace, service)
  LEFT JOIN counts USING (namespace, service, signature, instance, time_ns)
  LEFT JOIN floors USING (namespace, service, signature, instance, time_ns)
),
shown AS (
  SELECT namespace, service, signature, instance
  FROM points
  GROUP BY namespace, service, signature, instance
  HAVING max(count) > 0
  QUALIFY row_number() OVER (
    PARTITION BY namespace, service, signature
    ORDER BY max(count) DESC, instance
  ) <= $instances_max
),
spans AS (
  SELECT
    namespace, service, signature,
    min(time_ns) AS first_ns,
    greatest((max(time_ns) - min(time_ns)) // $buckets + 1, 1) AS bucket_ns
  FROM points
  GROUP BY ALL
)
SELECT
  namespace, service, signature, instance,
  max(time_ns) AS time_ns,
  arg_max(count, time_ns) AS count,
  arg_max(floor, time_ns) AS floor
FROM points
JOIN shown USING (namespace, service, signature, instance)
JOIN spans USING (namespace, service, signature)
GROUP BY namespace, service, signature, instance, (time_ns - first_ns) // bucket_ns
ORDER BY namespace, service, signature, instance, time_ns
