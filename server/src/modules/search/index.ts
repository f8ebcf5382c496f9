export { searchMigrations } from './migrations.ts';
export { Search } from './search.ts';
