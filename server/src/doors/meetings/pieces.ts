import { Type } from 'typebox';
import type { Hook } from '../../infra/http/guard.ts';
import type { MeetingsLimits } from './limits.ts';

/** What every group of routes of this door shares. */
export type Pieces = Readonly<{ guard: Hook; limits: MeetingsLimits }>;

/** Of one meeting, by its id in either spelling. */
export const byId = Type.Object({ id: Type.String() });
