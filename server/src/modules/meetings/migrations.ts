import { type Kysely, sql } from 'kysely';
import { identityColumn } from '../../infra/log/migrations.ts';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';

export const meetingMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-98-meetings': {
    async up(db: Kysely<unknown>) {
      const id = engine === 'sqlite' ? sql`blob` : sql`bytea`;
      const byKeyOnly = engine === 'sqlite' ? sql`without rowid` : sql``;
      const statements = [
        sql`create table meetings (id ${identityColumn(engine)}, public_id ${id} not null, creator bigint not null,
              host bigint not null, title text not null, description text, status text not null, scheduled_at bigint,
              time_zone text, duration_minutes bigint, policy text not null, password_hash text,
              started_at bigint, started_by bigint, ended_at bigint, ended_by bigint,
              attendance bigint not null default 0, present bigint not null default 0,
              empty_since bigint, recording bigint not null default 0, follows bigint, host_check_at bigint, rooms text, created_at bigint not null, updated_at bigint not null)`,
        sql`create unique index meetings_by_public_id on meetings (public_id)`,
        // Whose host went away or came back is found without looking at other meetings.
        sql`create index meetings_by_host on meetings (host, status)`,
        sql`create index meetings_by_creator on meetings (creator, status)`,
        sql`create index meetings_by_creator_away on meetings (follows) where follows is not null`,
        sql`create index meetings_by_status on meetings (status, id)`,
        sql`create table meeting_people (meeting bigint not null, account bigint not null, public_id ${id} not null,
              role text not null, role_before text, status text not null, invited bigint not null, is_muted bigint not null,
              is_video_enabled bigint not null, is_screen_sharing bigint not null, is_hand_raised bigint not null,
              device_type text not null, connection_id text, room bigint, waiting_since bigint, joined_at bigint,
              left_at bigint, attended bigint not null default 0, primary key (meeting, account)) ${byKeyOnly}`,
        sql`create index meeting_people_by_account on meeting_people (account, meeting)`,
        // Where an account is or waits is found without looking at all the meetings it ever had to do with.
        sql`create index meeting_people_by_status on meeting_people (account, status, meeting)`,
        sql`create index meeting_people_present on meeting_people (meeting, status, joined_at)`,
        // Whoever follows a host is found without looking at anybody else, and who hears that somebody waits.
        sql`create index meeting_people_by_role on meeting_people (meeting, role, status, joined_at, account)`,
        sql`create table meeting_chat (id ${identityColumn(engine)}, public_id ${id} not null, meeting bigint not null,
              place bigint not null, sender bigint not null, recipient bigint, content text not null,
              type text not null, file text, at bigint not null)`,
        // What one may read is three or four ranges of these, each in order: nothing of others is looked at.
        sql`create index meeting_chat_by_place on meeting_chat (meeting, place, id)`,
        sql`create index meeting_chat_by_sender on meeting_chat (meeting, sender, id) where recipient is not null`,
        sql`create index meeting_chat_by_recipient on meeting_chat (meeting, recipient, id) where recipient is not null`,
        sql`create table meeting_rooms (id ${identityColumn(engine)}, public_id ${id} not null, meeting bigint not null,
              name text not null, description text, capacity bigint, allow_chat bigint not null,
              allow_screen_share bigint not null, people bigint not null default 0, is_active bigint not null)`,
        sql`create unique index meeting_rooms_by_public_id on meeting_rooms (public_id)`,
        sql`create index meeting_rooms_by_meeting on meeting_rooms (meeting, id)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
});
