import { Type } from 'typebox';
import type { Hook } from '../../infra/http/guard.ts';
import type { SocialLimits } from './limits.ts';

/** What every group of routes of this door shares. */
export type Pieces = Readonly<{ guard: Hook; limits: SocialLimits }>;

/** Of one thing, by its id: what is no id of anything is not found. The router takes no more than 100 characters. */
export const byId = Type.Object({ id: Type.String() });
