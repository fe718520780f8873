-- Where goroutines are started, how many stay, and what those wait for: one row a creation site.
-- Counts of creations and exits are over all traces of the window; what waits is what the latest
-- trace of each instance showed. Goroutines older than a trace are known by the function they run
-- alone; they are counted to the one go statement that starts it, where there is one.
WITH chosen AS (
  SELECT * FROM lifecycles WHERE $service_name = '' OR service = $service_name
),
windows AS (
  SELECT DISTINCT namespace, service, instance, time_ns, window_seconds
  FROM chosen
),
traced AS (
  SELECT
    namespace, service,
    count(*) AS windows,
    count(DISTINCT instance) AS instances,
    sum(window_seconds) AS traced_seconds,
    max(time_ns) AS newest_ns
  FROM windows
  GROUP BY ALL
),
latest AS (
  SELECT namespace, service, instance, max(time_ns) AS time_ns
  FROM windows
  GROUP BY ALL
),
only_statement AS (
  SELECT namespace, service, start, any_value(creation_site) AS only_site
  FROM chosen
  WHERE creation_site <> ''
  GROUP BY ALL
  HAVING count(DISTINCT creation_site) = 1
),
named AS (
  SELECT chosen.* REPLACE (
    coalesce(nullif(creation_site, ''), only_site, '') AS creation_site
  )
  FROM chosen LEFT JOIN only_statement USING (namespace, service, start)
  WHERE start IS NOT NULL
),
made AS (
  SELECT
    namespace, service, creation_site, start,
    sum(created)::BIGINT AS created,
    sum(exited)::BIGINT AS exited
  FROM named
  WHERE signature IS NULL
  GROUP BY ALL
),
living AS (
  SELECT namespace, service, creation_site, start, sum(alive)::BIGINT AS alive
  FROM named SEMI JOIN latest USING (namespace, service, instance, time_ns)
  WHERE signature IS NULL
  GROUP BY ALL
),
waiting AS (
  SELECT
    namespace, service, creation_site, start, signature, wait, blocking_site,
    sum(open)::BIGINT AS open,
    sum(open_born)::BIGINT AS open_born,
    max(open_seconds_max) AS open_seconds_max,
    max(longest_seconds) AS longest_seconds,
    sum(completed)::BIGINT AS completed,
    sum(never_woken)::BIGINT AS never_woken,
    sum(no_way_out)::BIGINT AS no_way_out,
    max(wakers_alive)::BIGINT AS wakers_alive,
    arg_max(wakers, len(wakers)) AS wakers
  FROM named SEMI JOIN latest USING (namespace, service, instance, time_ns)
  WHERE signature IS NOT NULL
  GROUP BY ALL
),
place AS (
  SELECT *
  FROM waiting
  WHERE open > 0
  QUALIFY row_number() OVER (
    PARTITION BY namespace, service, creation_site, start
    ORDER BY open_born DESC, open DESC, signature, blocking_site
  ) = 1
),
accused AS (
  SELECT
    namespace, service, creation_site, start,
    count(DISTINCT (instance, time_ns)) AS windows_accusing,
    arg_max(evidence, (time_ns, open)) AS evidence
  FROM named
  WHERE signature IS NOT NULL AND len(evidence) > 0
  GROUP BY ALL
),
keys AS (
  SELECT namespace, service, creation_site, start FROM made
  UNION
  SELECT namespace, service, creation_site, start FROM waiting
)
SELECT
  namespace, service, creation_site, start,
  windows, instances, traced_seconds, newest_ns,
  coalesce(created, 0) AS created,
  coalesce(exited, 0) AS exited,
  coalesce(created - exited, 0) AS net,
  CASE WHEN traced_seconds > 0 THEN coalesce(created - exited, 0) / traced_seconds END
    AS net_per_second,
  alive,
  signature, wait, blocking_site,
  open, open_born, open_seconds_max, completed, longest_seconds,
  never_woken, no_way_out, wakers_alive, wakers,
  windows_accusing, evidence
FROM keys
JOIN traced USING (namespace, service)
LEFT JOIN made USING (namespace, service, creation_site, start)
LEFT JOIN living USING (namespace, service, creation_site, start)
LEFT JOIN place USING (namespace, service, creation_site, start)
LEFT JOIN accused USING (namespace, service, creation_site, start)
ORDER BY
  coalesce(windows_accusing, 0) DESC,
  net_per_second DESC NULLS LAST,
  open_born DESC NULLS LAST,
  open DESC NULLS LAST,
  namespace, service, creation_site, start
LIMIT $most
