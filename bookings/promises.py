"""What must always be true of the diary, each as one read-only statement in plain SQL.

A statement gives one column of text, a row for whatever breaks the promise: references and
numbers, never people. They use nothing of the engine, so that a fault in it cannot hide itself.
Words in braces are filled in by bookings.audit, where the database's dialect decides.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Check:
    """A promise: its name, what it means that it is broken, and who breaks it."""

    name: str
    says: Promise
    sql: str


# What the statements share.
PIECES = {
    "live": "('held', 'booked', 'arrived', 'completed', 'no_show')",
    "agreed": "('booked', 'arrived', 'completed', 'no_show')",
    "ahead": "a.state IN ('held', 'booked', 'arrived') AND a.ends_at > %(now)s",
    "name": "'appointment ' || a.reference",
    # A reservation that touches its visit: a set-up ends where the visit begins.
    "touches": "r.starts_at <= a.ends_at AND r.ends_at >= a.starts_at",
    # A plus keeps SQLite from looking through all that one practitioner or treatment ever had.
    "mates": (
        "m.practitioner_id = a.practitioner_id AND m.starts_at = a.starts_at"
        " AND +m.treatment_id = a.treatment_id AND +m.location_id = a.location_id"
    ),
}

CHECKS = (
    Check(
        "overlap",
        _("Two reservations of one resource overlap. Move or cancel one visit of each pair."),
        """
        SELECT 'resource ' || x.resource_id || ' at ' || x.starts_at || ': appointment '
            || COALESCE(one.reference, '?') || ' and ' || COALESCE((
                SELECT a.reference FROM bookings_reservation o
                JOIN bookings_appointment a ON a.id = o.appointment_id
                WHERE o.resource_id = x.resource_id AND o.id <> x.id
                    AND o.starts_at < x.ends_at AND o.ends_at > x.starts_at
                ORDER BY o.starts_at, o.id LIMIT 1), '?') AS line
        FROM (
            SELECT r.id, r.resource_id, r.starts_at, r.ends_at, r.appointment_id,
                MAX(r.ends_at) OVER (
                    PARTITION BY r.resource_id ORDER BY r.starts_at, r.ends_at, r.appointment_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until
            FROM bookings_reservation r) x
        LEFT JOIN bookings_appointment one ON one.id = x.appointment_id
        WHERE x.starts_at < x.taken_until
        """,
    ),
    Check(
        "span",
        _("A span is none: it ends before it begins, is far too long, or is not as agreed."),
        """
        SELECT 'reservation ' || r.id AS line FROM bookings_reservation r
        WHERE r.starts_at IS NULL OR r.ends_at IS NULL OR r.starts_at >= r.ends_at
            OR {r_too_long}
        UNION ALL
        SELECT {name} FROM bookings_appointment a
        WHERE a.starts_at >= a.ends_at OR {a_minutes} IS NULL OR {a_minutes} <> a.minutes
        """,
    ),
    Check(
        "practitioner",
        _("A live visit does not have its practitioner’s time."),
        """
        SELECT {name} AS line FROM bookings_appointment a
        JOIN practitioners_treatment t ON t.id = a.treatment_id
        WHERE a.state IN {live} AND NOT t.is_group
            AND EXISTS (SELECT 1 FROM bookings_need n
                WHERE n.treatment_id = a.treatment_id AND n.pool_id IS NULL)
            AND NOT EXISTS (SELECT 1 FROM bookings_reservation r
                JOIN bookings_resource w ON w.id = r.resource_id
                WHERE r.appointment_id = a.id AND +w.practitioner_id = a.practitioner_id
                    AND {touches})
        UNION ALL
        SELECT {name} FROM bookings_appointment a
        JOIN practitioners_treatment t ON t.id = a.treatment_id
        WHERE a.state IN {live} AND t.is_group
            AND EXISTS (SELECT 1 FROM bookings_need n
                WHERE n.treatment_id = a.treatment_id AND n.pool_id IS NULL)
            AND NOT EXISTS (SELECT 1 FROM bookings_appointment m
                JOIN bookings_reservation r ON r.appointment_id = m.id
                JOIN bookings_resource w ON w.id = r.resource_id
                WHERE {mates} AND +w.practitioner_id = a.practitioner_id AND {touches})
        """,
    ),
    Check(
        "another_practitioner",
        _("A visit takes the time of a practitioner who is not its own."),
        """
        SELECT {name} || ': resource ' || r.resource_id AS line FROM bookings_reservation r
        JOIN bookings_resource w ON w.id = r.resource_id
        JOIN bookings_appointment a ON a.id = r.appointment_id
        WHERE w.practitioner_id IS NOT NULL AND w.practitioner_id <> a.practitioner_id
        """,
    ),
    Check(
        "body",
        _("A visit does not keep its patient from being elsewhere, or keeps somebody else."),
        """
        SELECT {name} || ': none' AS line FROM bookings_appointment a
        JOIN bookings_patient p ON p.id = a.patient_id
        WHERE a.state IN {agreed} AND NOT EXISTS (SELECT 1 FROM bookings_reservation r
            WHERE r.appointment_id = a.id AND r.resource_id = p.resource_id
                AND r.starts_at = a.starts_at AND r.ends_at = a.ends_at)
        UNION ALL
        SELECT {name} || ': resource ' || r.resource_id FROM bookings_reservation r
        JOIN bookings_resource w ON w.id = r.resource_id
        JOIN bookings_appointment a ON a.id = r.appointment_id
        LEFT JOIN bookings_patient p ON p.id = a.patient_id
        WHERE w.kind = 'person' AND (p.resource_id IS NULL OR p.resource_id <> r.resource_id
            OR r.starts_at <> a.starts_at OR r.ends_at <> a.ends_at)
        """,
    ),
    Check(
        "needs",
        _(
            "A visit to come takes less, or more, of a pool or of its practitioner than its "
            "treatment needs now: something is lost, or the treatment was changed after it was "
            "booked."
        ),
        """
        WITH ahead AS (
            SELECT a.id, a.reference, a.treatment_id, a.practitioner_id, a.location_id,
                a.starts_at, t.is_group
            FROM bookings_appointment a JOIN practitioners_treatment t ON t.id = a.treatment_id
            WHERE {ahead}),
        taken AS (
            SELECT a.id, a.treatment_id, w.practitioner_id AS body, r.resource_id
            FROM ahead a JOIN bookings_reservation r ON r.appointment_id = a.id
            JOIN bookings_resource w ON w.id = r.resource_id AND w.kind <> 'person'),
        wanted AS (
            SELECT n.treatment_id, n.pool_id, n.is_shared OR (t.is_group AND n.pool_id IS NULL)
                AS is_shared, SUM(n.quantity) AS n
            FROM bookings_need n JOIN practitioners_treatment t ON t.id = n.treatment_id
            GROUP BY 1, 2, 3),
        got AS (
            SELECT x.id, CAST(NULL AS bigint) AS pool_id, COUNT(*) AS n
            FROM taken x WHERE x.body IS NOT NULL GROUP BY 1
            UNION ALL
            SELECT x.id, i.pool_id, COUNT(*) FROM taken x
            JOIN bookings_pool_members i ON i.resource_id = x.resource_id
            GROUP BY 1, 2),
        -- One visit, or the group that shares a start; what each member needs is each one's.
        own AS (
            SELECT a.reference, w.n AS wanted, COALESCE(g.n, 0) AS got,
                w.pool_id, a.id, a.treatment_id
            FROM ahead a JOIN wanted w ON w.treatment_id = a.treatment_id
                AND NOT (w.is_shared AND a.is_group)
            LEFT JOIN got g ON g.id = a.id
                AND COALESCE(g.pool_id, 0) = COALESCE(w.pool_id, 0)),
        shared AS (
            SELECT MIN(a.reference) AS reference, w.n AS wanted, COALESCE(SUM(g.n), 0) AS got,
                w.pool_id
            FROM ahead a JOIN wanted w ON w.treatment_id = a.treatment_id
                AND w.is_shared AND a.is_group
            LEFT JOIN got g ON g.id = a.id
                AND COALESCE(g.pool_id, 0) = COALESCE(w.pool_id, 0)
            GROUP BY a.treatment_id, a.practitioner_id, a.location_id, a.starts_at, w.pool_id, w.n)
        SELECT 'appointment ' || reference || ': ' || got || ' of ' || wanted || ' '
            || CASE WHEN pool_id IS NULL THEN 'parts of the practitioner'
                ELSE 'in pool ' || pool_id END AS line
        FROM (
            SELECT o.reference, o.wanted, o.got, o.pool_id FROM own o
            -- A member of two pools counts in both: more of one is too much only where there is
            -- more in all.
            WHERE o.got < o.wanted OR (o.got > o.wanted AND (
                SELECT COUNT(*) FROM taken x WHERE x.id = o.id
            ) > (SELECT SUM(w.n) FROM wanted w WHERE w.treatment_id = o.treatment_id))
            UNION ALL
            SELECT reference, wanted, got, pool_id FROM shared WHERE got <> wanted) found
        """,
    ),
    Check(
        "dead",
        _("Something is taken for a visit that is cancelled, expired or gone."),
        """
        SELECT 'reservation ' || r.id || COALESCE(': appointment ' || a.reference, '') AS line
        FROM bookings_reservation r LEFT JOIN bookings_appointment a ON a.id = r.appointment_id
        WHERE a.id IS NULL OR a.state NOT IN {live}
        """,
    ),
    Check(
        "old_hold",
        _("A hold is over and was not cleared away: does beat run? It blocks nobody."),
        """
        SELECT {name} || ', held until ' || a.held_until AS line FROM bookings_appointment a
        WHERE a.state = 'held' AND a.held_until < %(hold_grace)s
        """,
    ),
    Check(
        "state",
        _("A visit’s state does not go with its dates or its patient."),
        """
        SELECT {name} || ', ' || a.state AS line FROM bookings_appointment a
        WHERE a.state NOT IN ('held', 'booked', 'arrived', 'completed', 'cancelled', 'no_show',
                'expired')
            OR (a.state = 'held') <> (a.held_until IS NOT NULL)
            OR (a.state NOT IN ('held', 'expired')
                AND (a.booked_at IS NULL OR a.patient_id IS NULL))
            OR a.booked_at > %(soon)s
            -- Noted on the day itself at the earliest, whatever the time zone.
            OR (a.state IN ('arrived', 'completed', 'no_show') AND a.starts_at > %(tomorrow)s)
            OR (a.cancelled_by_clinic AND a.state <> 'cancelled')
        """,
    ),
    Check(
        "event",
        _("What was written down about a visit does not lead to the state it is in."),
        """
        SELECT 'appointment ' || reference || ': ' || said AS line FROM (
            SELECT a.reference, CASE
                WHEN e.before IS NOT NULL AND e.before <> e.from_state
                    THEN e.verb || ' from ' || e.from_state || ', but it was ' || e.before
                WHEN e.next IS NULL AND e.to_state <> a.state
                    THEN 'last ' || e.to_state || ', but it is ' || a.state
                END AS said
            FROM (
                SELECT v.appointment_id, v.verb, v.from_state, v.to_state,
                    LAG(v.to_state) OVER one AS before, LEAD(v.to_state) OVER one AS next
                FROM bookings_appointmentevent v
                WINDOW one AS (PARTITION BY v.appointment_id ORDER BY v.id)) e
            JOIN bookings_appointment a ON a.id = e.appointment_id) found
        WHERE said IS NOT NULL
        UNION ALL
        SELECT {name} || ': nothing was written down' FROM bookings_appointment a
        WHERE NOT EXISTS (SELECT 1 FROM bookings_appointmentevent v WHERE v.appointment_id = a.id)
        """,
    ),
    Check(
        "message_missing",
        _(
            "A patient with a mail address was not told of a visit to come, or will not be "
            "reminded."
        ),
        """
        SELECT {name} || ': confirmation' AS line FROM bookings_appointment a
        JOIN bookings_patient p ON p.id = a.patient_id AND p.email <> ''
        WHERE a.state = 'booked' AND a.starts_at > %(now)s
            AND NOT EXISTS (SELECT 1 FROM bookings_notification n
                WHERE n.appointment_id = a.id AND n.kind = 'confirmation')
        UNION ALL
        SELECT {name} || ': reminder, ' || u.minutes_before || ' minutes before'
        FROM bookings_appointment a
        JOIN bookings_patient p ON p.id = a.patient_id AND p.email <> ''
        JOIN bookings_reminderrule u ON u.treatment_id = a.treatment_id
            OR (u.treatment_id IS NULL AND NOT EXISTS (SELECT 1 FROM bookings_reminderrule w
                WHERE w.treatment_id = a.treatment_id))
        WHERE a.state = 'booked' AND a.starts_at > %(now)s
            AND {a_minutes_ahead} > u.minutes_before
            AND (u.changed_at IS NULL OR a.booked_at >= u.changed_at)
            AND NOT EXISTS (SELECT 1 FROM bookings_notification n
                WHERE n.appointment_id = a.id AND n.kind = 'reminder'
                    AND n.start_version = a.sequence AND n.minutes_before = u.minutes_before
                    AND (n.state <> 'dropped' OR CAST(n.payload AS text) <> '{{}}'))
        """,
    ),
    Check(
        "message_left_over",
        _("A message waits that is no longer true, or has nobody to go to."),
        """
        SELECT 'notification ' || n.id || ', ' || n.kind || COALESCE(
            ': appointment ' || a.reference || ' is ' || a.state, '') AS line
        FROM bookings_notification n LEFT JOIN bookings_appointment a ON a.id = n.appointment_id
        WHERE n.state = 'pending' AND (n.recipient = ''
            OR (n.kind = 'cancellation' AND a.state <> 'cancelled')
            OR (n.kind IN ('confirmation', 'reminder', 'change') AND (a.id IS NULL
                OR a.state NOT IN ('booked', 'arrived', 'completed')
                OR n.start_version <> a.sequence)))
        """,
    ),
    Check(
        "message_twice",
        _("One message is there twice, or was sent without a time."),
        """
        SELECT 'appointment ' || a.reference || ': ' || n.kind || ', ' || COUNT(*) || ' times'
            AS line
        FROM bookings_notification n JOIN bookings_appointment a ON a.id = n.appointment_id
        GROUP BY n.appointment_id, n.kind, n.channel, n.start_version, n.minutes_before, n.copy,
            a.reference
        HAVING COUNT(*) > 1
        UNION ALL
        SELECT 'notification ' || n.id FROM bookings_notification n
        WHERE (n.state = 'sent') <> (n.sent_at IS NOT NULL)
        """,
    ),
    Check(
        "outcome",
        _("A visit that the clinic called off is no task, or a visit that goes ahead is one."),
        """
        SELECT {name} || ': no task' AS line FROM bookings_appointment a
        WHERE a.state = 'cancelled' AND a.cancelled_by_clinic AND NOT EXISTS (
            SELECT 1 FROM bookings_calledoff c WHERE c.appointment_id = a.id)
        UNION ALL
        SELECT {name} || ': ' || a.state FROM bookings_calledoff c
        JOIN bookings_appointment a ON a.id = c.appointment_id
        WHERE a.state <> 'cancelled' OR NOT a.cancelled_by_clinic
        """,
    ),
    Check(
        "people",
        _("A record of a person, or the body that goes with it, belongs to nobody."),
        """
        SELECT 'patient ' || p.id || ' was merged and has appointments' AS line
        FROM bookings_patient p WHERE p.merged_into_id IS NOT NULL AND EXISTS (
            SELECT 1 FROM bookings_appointment a WHERE a.patient_id = p.id)
        UNION ALL
        SELECT 'patient ' || p.id || ' has a body that is none' FROM bookings_patient p
        JOIN bookings_resource w ON w.id = p.resource_id WHERE w.kind <> 'person'
        UNION ALL
        SELECT 'resource ' || w.id || ' is nobody’s body' FROM bookings_resource w
        WHERE w.kind = 'person' AND NOT EXISTS (
            SELECT 1 FROM bookings_patient p WHERE p.resource_id = w.id)
        """,
    ),
    Check(
        "pair",
        _("A practitioner does not have exactly one resource, or a resource not its practitioner."),
        """
        SELECT 'practitioner ' || p.id || ': ' || COUNT(w.id) AS line
        FROM practitioners_practitioner p LEFT JOIN bookings_resource w ON w.practitioner_id = p.id
        GROUP BY p.id
        HAVING COUNT(w.id) > 1 OR (COUNT(w.id) = 0 AND EXISTS (
            SELECT 1 FROM bookings_appointment a WHERE a.practitioner_id = p.id))
        UNION ALL
        SELECT 'resource ' || w.id FROM bookings_resource w
        WHERE (w.kind = 'practitioner') <> (w.practitioner_id IS NOT NULL)
        """,
    ),
)
