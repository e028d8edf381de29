import { startGroup } from './group-replication.ts';
import { testCluster } from './suite.ts';

testCluster('Group Replication', startGroup);
